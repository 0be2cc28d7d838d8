import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PREPARE } from '../../src/resources/host-scripts.ts';

const KEY = '/pgctl/v1/guards/shop.n1.host-1';
const YES = '{"database_uid":"u1","allowed":true}';

let etcd: Server;
let dir: string;
/** What etcd says, one answer after the other; the last one stays. A number is the status of a failure. */
let answers: readonly (string | null | number)[] = [];

beforeAll(async () => {
  etcd = createServer((_request, reply) => {
    const [answer = null, ...more] = answers;
    if (more.length > 0) answers = more;
    if (typeof answer === 'number') return void reply.writeHead(answer).end('<html>no etcd here</html>');
    const kvs = answer === null ? [] : [{ value: Buffer.from(answer, 'latin1').toString('base64') }];
    reply.end(JSON.stringify({ kvs }));
  });
  etcd.listen(0, '127.0.0.1');
  await once(etcd, 'listening');
  dir = mkdtempSync(join(tmpdir(), 'pgctl-guard-'));
  mkdirSync(join(dir, 'bin'));
  writeFileSync(join(dir, 'bin', 'prepare'), PREPARE);
  const address = etcd.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const conf = { instance_id: 'shop.n1.host-1', database_uid: 'u1', guard_key: KEY };
  const endpoints = [`http://127.0.0.1:${port}`];
  writeFileSync(join(dir, 'prepare.json'), JSON.stringify({ ...conf, endpoints }));
});
afterAll(() => {
  etcd.close();
  rmSync(dir, { recursive: true });
});

const guard = (given: typeof answers): Promise<Said> => prepare('guard', given);

interface Said {
  readonly status: unknown;
  readonly said: string;
}

async function prepare(what: 'guard' | 'start', given: typeof answers): Promise<Said> {
  answers = given;
  const child = spawn('python3', [join(dir, 'bin', 'prepare'), what]);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  const [status] = await once(child, 'close');
  return { status, said };
}

it('lets an instance start that may run', async () => {
  expect(await guard([YES])).toEqual({ status: 0, said: '' });
});

it.each([
  ['there is no guard', null, 'is not in etcd'],
  ['the guard says no', YES.replace('true', 'false'), 'says no'],
  ["the guard is another database's", YES.replace('u1', 'u2'), 'says no'],
])('keeps it from starting where %s', async (_title, answer, said) => {
  const { status, said: words } = await guard([answer]);
  expect([status, words]).toEqual([1, expect.stringContaining(said)]);
});

it.each(['', 'x', '[]', 'null', '{}', '{"allowed":"yes"}', '\u00ff'])(
  'waits while the value is %j, which says neither, and names the key',
  async (value) => {
    const { status, said } = await guard([value, YES]);
    expect([status, said]).toEqual([0, expect.stringContaining(KEY)]);
  },
);

it('waits while something else than etcd answers', async () => {
  expect(await guard([502, 404, YES])).toMatchObject({ status: 0, said: expect.stringContaining('502') });
});

describe('what a unit does before it starts', () => {
  const configure = (more: object): void => {
    const file = join(dir, 'prepare.json');
    const now = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...now, ...more }));
  };
  const torso = (): string => {
    mkdirSync(join(dir, 'data'), { recursive: true });
    return join(dir, 'data');
  };

  it('removes what an initdb that was cut short left, where the instance may run', async () => {
    configure({ bootstrap: true, scope_prefix: '/pgctl/patroni/shop.n1/' });
    const data = torso();
    expect(await prepare('start', [YES, null])).toMatchObject({ status: 0 });
    expect(existsSync(data)).toBe(false);
  });

  it('touches nothing where it may not', async () => {
    configure({ bootstrap: true, scope_prefix: '/pgctl/patroni/shop.n1/' });
    const data = torso();
    expect(await prepare('start', [null])).toMatchObject({ status: 1 });
    expect(existsSync(data)).toBe(true);
  });

  it('is no refusal where it fails: systemd is to try again', async () => {
    configure({ bootstrap: true, scope_prefix: undefined });
    expect(await prepare('start', [YES])).toMatchObject({
      status: 255,
      said: expect.stringContaining('shop.n1.host-1 cannot be started'),
    });
  });
});
