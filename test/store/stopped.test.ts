import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEtcd, type Etcd } from './etcd.ts';
import { database, KEY_FILE, lockRecord, storeOn } from './fixtures.ts';

let etcd: Etcd;
beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd.stop());

test('a holder that was stopped for longer than its lease and overtaken writes nothing when it goes on', async () => {
  const store = storeOn(etcd, { timing: { pollMs: 50 } });
  await store.prepareToChange();
  const program = fileURLToPath(new URL('stopped-holder.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program, etcd.endpoint, store.prefix, KEY_FILE], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const lines = createInterface(child.stdout);
    expect(await once(lines, 'line')).toEqual(['held']);
    child.kill('SIGSTOP');
    const lock = await store.acquireLock('shop', lockRecord({ who: 'next' }), { waitMs: 15_000 });
    await lock.commit([store.databases.write(database('shop'), 'absent')]);
    child.stdin.write('go on\n');
    const said = once(lines, 'line');
    child.kill('SIGCONT');
    const [line] = (await said) as [string];
    expect(JSON.parse(line)).toEqual({ before: true, outcome: 'lock_lost' });
    expect((await store.databases.get('shop'))?.value.error).toBeNull();
    lock.assertHeld();
    await lock.release();
  } finally {
    child.kill('SIGKILL');
    store.close();
  }
});
