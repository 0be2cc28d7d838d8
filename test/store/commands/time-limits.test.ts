import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/store/store.ts';
import { type Outcome, pgctl } from '../../commands/run.ts';
import { type Etcd, startEtcd } from '../etcd.ts';
import { host, lockOf, storeOn, task } from '../fixtures.ts';

let etcd: Etcd;
let store: Store;
let home: string;

const run = (argv: readonly string[]): Promise<Outcome> =>
  pgctl(argv, {
    env: {
      HOME: home,
      PATH: process.env.PATH ?? '',
      PGCTL_ENDPOINTS: etcd.endpoint,
      PGCTL_PREFIX: '/limits',
    },
  });

/** No look at a host is as fast as this. */
const AT_ONCE = ['--timeout', '1ms'];

beforeAll(async () => {
  etcd = await startEtcd();
  store = storeOn(etcd, { prefix: '/limits' });
  await store.prepareToChange();
  await store.hosts.put(host('here', { address: 'local', host_keys: [] }), 'absent');
  home = mkdtempSync(join(tmpdir(), 'pgctl-limits-'));
});
afterAll(async () => {
  store.close();
  await etcd.stop();
  rmSync(home, { recursive: true, force: true });
});

describe('--timeout', () => {
  it('ends the look at a host that is to be added, which is not', async () => {
    const add = ['host', 'add', 'new', '--address', 'local', '--base-dir', join(home, 'base')];
    const { code, stdout } = await run([...add, ...AT_ONCE, '-o', 'json']);
    expect([code, JSON.parse(stdout)]).toMatchObject([124, { code: 'timeout' }]);
    expect((await run(['host', 'get', 'new'])).code).toBe(5);
  });

  it.each([[['host', 'check', 'here']], [['host', 'check']], [['host', 'list', '--check']]])(
    'ends the look at hosts, and shows what there is of them: %j',
    async (words) => {
      const { code, stdout } = await run([...words, ...AT_ONCE, '-o', 'json']);
      expect([code, stdout]).toEqual([124, expect.stringContaining('its time limit of 0.001 s')]);
      const document = JSON.parse(stdout) as { items?: object[] };
      expect(document.items?.[0] ?? document).toMatchObject({ kind: 'Host', id: 'here', state: 'unusable' });
    },
  );

  it('ends following a task that goes on, after what there is of it', async () => {
    const going = task('going');
    const lock = await lockOf(store, 'shop', { task_id: going.task_id });
    await store.tasks.put(going, 'absent');
    const { code, stderr } = await run(['task', 'logs', going.task_id, '--follow', '--timeout', '300ms']);
    await lock.release();
    expect([code, stderr]).toEqual([124, expect.stringContaining('its time limit of 0.3 s')]);
  });

  it('ends watching the status', async () => {
    const { code, stderr } = await run(['status', '--watch', '--timeout', '300ms']);
    expect([code, stderr]).toEqual([124, expect.stringContaining('its time limit of 0.3 s')]);
  });
});
