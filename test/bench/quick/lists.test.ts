import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pgctl } from '../../commands/run.ts';
import { PROGRAM } from '../../e2e/pgctl.ts';
import { type Etcd, startEtcd } from '../../store/etcd.ts';
import { storeOn } from '../../store/fixtures.ts';
import type { Store } from '../../../src/store/store.ts';
import { compare } from '../comparison.ts';
import { writeFleet } from '../records.ts';

const FEW = 100;
const MANY = 1_000;

let etcd: Etcd;
let few: Store;
let many: Store;
let home: string;

beforeAll(async () => {
  etcd = await startEtcd();
  [few, many] = [storeOn(etcd), storeOn(etcd)];
  await writeFleet(few, FEW);
  await writeFleet(many, MANY);
  home = await mkdtemp(join(tmpdir(), 'pgctl-bench-'));
  await writeFile(
    join(home, 'patroni.yml'),
    JSON.stringify({
      scope: 'shop-1.n1',
      namespace: few.keys.patroniNamespace,
      name: 'host-4',
      etcd3: { host: etcd.endpoint.replace('http://', '') },
    }),
  );
});
afterAll(async () => {
  few?.close();
  many?.close();
  await etcd?.stop();
  await rm(home, { recursive: true, force: true });
});

const environment = (store: Store): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: home,
  PGCTL_ENDPOINTS: etcd.endpoint,
  PGCTL_PREFIX: store.prefix,
});
const run = async (file: string, args: readonly string[]): Promise<string> =>
  (await execa(file, args, { env: environment(few), extendEnv: false })).stdout;

async function list(): Promise<void> {
  const { items } = JSON.parse(await run('node', [PROGRAM, 'db', 'list', '-o', 'json'])) as {
    items: unknown[];
  };
  expect(items).toHaveLength(FEW);
}

it('`db list` is there at once', async () => {
  await compare({
    what: `\`pgctl db list\` of ${FEW} databases`,
    against: '`node -e 0`',
    atMost: 3.5,
    rounds: 15,
    ours: list,
    theirs: async () => void (await run('node', ['-e', '0'])),
  });
});

it('`db list` is there before `patronictl list` is', async () => {
  await compare({
    what: `\`pgctl db list\` of ${FEW} databases`,
    against: '`patronictl list` of one cluster',
    atMost: 0.5,
    rounds: 8,
    ours: list,
    theirs: async () =>
      expect(await run('patronictl', ['-c', join(home, 'patroni.yml'), 'list'])).toContain('host-5'),
  });
});

it('`status` of a thousand databases takes little more than reading them', async () => {
  const client = new Etcd3({ hosts: etcd.endpoint });
  try {
    await compare({
      what: `\`status\` of ${MANY.toLocaleString('en')} databases, in a running process`,
      against: 'one bare range read of the same keys',
      atMost: 2,
      rounds: 10,
      ours: async () => {
        const { code, stdout } = await pgctl(['status', '-o', 'json'], { env: environment(many) });
        const { databases } = JSON.parse(stdout) as { databases: unknown[] };
        expect([code, databases.length]).toEqual([0, MANY]);
      },
      theirs: async () => {
        const found = await client.getAll().prefix(many.prefix).buffers();
        expect(Object.keys(found).length).toBeGreaterThan(MANY * 10);
      },
    });
  } finally {
    client.close();
  }
});
