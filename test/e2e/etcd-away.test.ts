import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type LabEtcd, startEtcd } from '../lab/etcd.ts';
import { begin, type Begun, intended, journal, journaled } from './begun.ts';
import { type Operator, operatorOf, type Ran } from './pgctl.ts';

const BASE = '/var/lib/pgctl/away';
/** What is promised of an etcd without a quorum. */
const LIMIT_MS = 45_000;

let etcd: LabEtcd;
let operator: Operator;
let spool: string;
let spec: string;

interface ErrorDocument {
  readonly code: string;
  readonly task_id: string;
  readonly details: readonly string[];
}
const errorOf = (ran: Ran): ErrorDocument => JSON.parse(ran.stdout) as ErrorDocument;
const kept = (): Promise<string[]> => readdir(spool).catch(() => []);

const storeId = async (): Promise<string> => {
  const meta = (await etcd.dump('/pgctl/v1/meta')).get('/pgctl/v1/meta') ?? '{}';
  return (JSON.parse(meta) as { store_id: string }).store_id;
};

/** Holds what every step that changes the host passes first; returns how to let it through. */
async function closeGate(): Promise<() => Promise<void>> {
  await mkdir(BASE, { recursive: true });
  await mkdir(`${BASE}/.fence`, { recursive: true, mode: 0o700 });
  const gate = execa('flock', [`${BASE}/.fence/${await storeId()}.shop.lock`, 'sleep', '300'], {
    reject: false,
    detached: true,
  });
  await delay(300);
  return async () => {
    process.kill(-(gate.pid ?? 0), 'SIGKILL');
    await gate;
  };
}

/** Begins a create, and stops etcd while its first step waits to be let through. */
async function beginWithoutEtcd(env: Record<string, string> = {}): Promise<{
  readonly run: Begun;
  readonly open: () => Promise<void>;
}> {
  const open = await closeGate();
  const before = await journaled(etcd);
  const run = begin(operator, ['db', 'create', '-f', spec, '-o', 'json'], { env });
  await intended(etcd, 'directory/', before);
  await etcd.members[0]?.pause();
  return { run, open };
}

beforeAll(async () => {
  etcd = await startEtcd();
  operator = await operatorOf(etcd.endpoints);
  spool = join(operator.home, '.local/state/pgctl/spool');
  spec = join(operator.home, 'shop.json');
  // This machine's ports are everybody's: not the ones that others take first.
  await writeFile(
    spec,
    JSON.stringify({
      ...{ id: 'shop', port: 25_432, patroni_port: 28_008 },
      nodes: [{ name: 'n1', host_ids: ['host-1'] }],
    }),
  );
  await operator.json(['host', 'add', 'host-1', '--address', 'local', '--base-dir', BASE]);
});
afterAll(async () => {
  await operator?.dispose();
  await etcd?.stop();
  await execa('rm', ['-rf', BASE]);
});
afterEach(async () => {
  await etcd.members[0]?.resume();
  expect((await operator.run(['db', 'delete', 'shop', '--yes', '--lock-timeout', '60s'])).exitCode).toBe(0);
  expect(await kept()).toEqual([]);
});

describe('etcd that stops answering while an event runs', () => {
  let task = '';
  beforeEach(async () => {
    const { run, open } = await beginWithoutEtcd();
    const since = performance.now();
    await delay(1000);
    await open();
    const ran = await run.ended;
    expect(performance.now() - since).toBeLessThan(LIMIT_MS);
    expect([ran.exitCode, errorOf(ran)]).toMatchObject([7, { code: 'etcd_unreachable' }]);
    task = errorOf(ran).task_id;

    // What was done on the host is known here, and said; etcd knows that it was about to be done.
    const [file = '', ...more] = await kept();
    expect(more).toEqual([]);
    expect((await stat(join(spool, file))).mode & 0o777).toBe(0o600);
    expect(errorOf(ran).details.join()).toContain(join(spool, file));
    expect(ran.stderr).toContain(join(spool, file));
    expect(await readFile(join(spool, file), 'utf8')).toContain('directory/shop.n1.host-1');
    await etcd.members[0]?.resume();
    expect(await journal(etcd, task)).not.toContainEqual(
      expect.objectContaining({ resource: 'directory/shop.n1.host-1', step: 'ok' }),
    );
  });

  const expectWrittenDown = async (): Promise<void> => {
    expect(await journal(etcd, task)).toContainEqual(
      expect.objectContaining({ resource: 'directory/shop.n1.host-1', step: 'ok' }),
    );
    const document = await operator.json<{ state: string; error: string }>(['task', 'get', task]);
    expect(document).toMatchObject({ state: 'failed', error: expect.stringContaining('etcd') as string });
    expect(await kept()).toEqual([]);
  };

  it('has its outcome written down by the same command, which goes on from there', async () => {
    const again = await operator.run(['db', 'create', '-f', spec, '--lock-timeout', '60s']);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(again.stderr).toContain(`results of task ${task}`);
    expect(again.stderr).not.toContain('make directory');
    await expectWrittenDown();
    const plan = await operator.run(['db', 'plan', '-f', spec, '--detailed-exitcode']);
    expect(plan.exitCode, plan.stderr).toBe(0);
  });

  it('has it written down by a resume', async () => {
    const resumed = await operator.run(['task', 'resume', task, '--lock-timeout', '60s']);
    expect(resumed.exitCode, resumed.stderr).toBe(0);
    await expectWrittenDown();
  });

  it('has it discarded where another machine went on meanwhile', async () => {
    const other = await operatorOf(etcd.endpoints, {
      PGCTL_SECRET_KEY_FILE: join(operator.home, '.config/pgctl/secret.key'),
    });
    const went = await other.run(['db', 'create', '-f', spec, '--lock-timeout', '60s']);
    expect(went.exitCode, went.stderr).toBe(0);
    await other.dispose();
    const late = await operator.run(['db', 'create', '-f', spec]);
    expect(late.exitCode, late.stderr).toBe(0);
    expect(late.stderr).toMatch(new RegExp(`results of task ${task} .*are discarded: task .* came after it`));
  });
});

describe('etcd that stops answering, with nowhere to keep anything', () => {
  it('is told all the same, and running the command again finishes it', async () => {
    const { run, open } = await beginWithoutEtcd({ XDG_STATE_HOME: '/dev/null/nowhere' });
    await open();
    const ran = await run.ended;
    expect([ran.exitCode, errorOf(ran)]).toMatchObject([7, { code: 'etcd_unreachable' }]);
    expect(errorOf(ran).details.join()).toContain('could not be kept');
    await etcd.members[0]?.resume();
    const again = await operator.run(['db', 'create', '-f', spec, '--lock-timeout', '60s']);
    expect(again.exitCode, again.stderr).toBe(0);
  });
});

describe('etcd that stops answering under a step that waits', () => {
  it('ends the step by the deadline of the lease, and what it came to is known', async () => {
    const before = await journaled(etcd);
    const run = begin(operator, ['db', 'create', '-f', spec, '-o', 'json']);
    await intended(etcd, 'instance/', before);
    await etcd.members[0]?.pause();
    const since = performance.now();
    const ran = await run.ended;
    expect(performance.now() - since).toBeLessThan(LIMIT_MS);
    expect(ran.exitCode).toBe(7);
    const task = errorOf(ran).task_id;
    await etcd.members[0]?.resume();
    const again = await operator.run(['db', 'create', '-f', spec, '--lock-timeout', '60s']);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(await journal(etcd, task)).toContainEqual(
      expect.objectContaining({ resource: 'instance/shop.n1.host-1', step: 'failed' }),
    );
  });
});
