import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { pgctl } from '../commands/run.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { database, host, instance, lockOf, storeOn } from './fixtures.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/pgctl.ts', import.meta.url));

let etcd: Etcd;
let store: Store;
let child: ChildProcess | null = null;
const lines: string[] = [];

beforeAll(async () => {
  etcd = await startEtcd();
  store = storeOn(etcd);
  await store.prepareToChange();
  const lock = await lockOf(store);
  await lock.commit([
    store.databases.write(database('shop'), 'any'),
    ...['host-1', 'host-2'].map((id) => store.instances.write(instance(`shop.n1.${id}`), 'any')),
  ]);
  await lock.release();
  for (const id of ['host-1', 'host-2']) await store.hosts.put(host(id), 'absent');
  await lead('host-1');
});
afterAll(async () => {
  store.close();
  await etcd.stop();
});
afterEach(() => {
  child?.kill('SIGKILL');
});

/** What Patroni writes when a member takes over. */
async function lead(leader: string): Promise<void> {
  const scope = `${store.keys.patroniNamespace}shop.n1/`;
  await store.kv.txn({
    compare: [],
    success: [
      { op: 'put', key: `${scope}leader`, value: leader },
      ...['host-1', 'host-2'].map((name) => ({
        op: 'put' as const,
        key: `${scope}members/${name}`,
        value: JSON.stringify({
          state: 'running',
          role: name === leader ? 'primary' : 'replica',
          timeline: 1,
        }),
      })),
    ],
    failure: [],
  });
}

const env = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  PGCTL_ENDPOINTS: etcd.endpoint,
  PGCTL_PREFIX: store.prefix,
});

async function watch(): Promise<ChildProcess> {
  lines.length = 0;
  const started = spawn(process.execPath, ['--import', 'tsx', PROGRAM, 'status', '--watch'], {
    env: env(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = started;
  createInterface({ input: started.stdout }).on('line', (line) => lines.push(line));
  await until(() => lines.some((line) => line.endsWith('shop.n1.host-2: available, replica')));
  // By then it has read; that it follows as well takes a moment more.
  await delay(1000);
  return started;
}

async function until(reached: () => boolean, ms = 15_000): Promise<number> {
  const began = performance.now();
  while (!reached()) {
    if (performance.now() - began > ms) throw new Error(`not reached: ${lines.join(' | ')}`);
    await delay(5);
  }
  return performance.now() - began;
}

const said = (text: string): boolean => lines.some((line) => line.endsWith(text));

describe('status --watch in a pipe', () => {
  test('shows a failover within a second, also after etcd was silent and was started anew', async () => {
    const started = await watch();
    await lead('host-2');
    expect(await until(() => said('shop.n1.host-2: available, replica → available, primary'))).toBeLessThan(
      1000,
    );

    etcd.pause();
    try {
      await until(() =>
        lines.some((line) => / etcd does not answer; the last known state is \d+ s old$/.test(line)),
      );
    } finally {
      etcd.resume();
    }
    await until(() => said('etcd answers again'));

    lines.length = 0;
    await etcd.kill();
    await until(() => lines.some((line) => line.includes('etcd does not answer')));
    await etcd.start();
    await until(() => said('etcd answers again'));
    await lead('host-1');
    expect(await until(() => said('shop.n1.host-1: available, replica → available, primary'))).toBeLessThan(
      1000,
    );
    started.kill('SIGTERM');
    expect(await once(started, 'exit')).toEqual([143, null]);
  });

  test('ends by Ctrl-C with 130, and with its reader', async () => {
    const interrupted = await watch();
    interrupted.kill('SIGINT');
    expect(await once(interrupted, 'exit')).toEqual([130, null]);
    const unread = await watch();
    unread.stdout?.destroy();
    await lead('host-2');
    expect(await once(unread, 'exit')).toEqual([0, null]);
  });

  test.each(['json', 'yaml'])('is refused in %s: a document has an end', async (format) => {
    const { code, stdout } = await pgctl(['status', '--watch', '-o', format], { env: env() });
    expect([code, stdout]).toEqual([64, expect.stringContaining('exclude each other')]);
  });

  test('is an error where etcd is not there to begin with', async () => {
    const { code } = await pgctl(['status', '--watch', '--endpoints', 'http://127.0.0.1:1'], { env: env() });
    expect(code).toBe(7);
  });
});
