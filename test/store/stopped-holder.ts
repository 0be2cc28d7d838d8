import { openStore } from '../../src/store/store.ts';

/**
 * Run as a process of its own: takes the lock of `shop`, says so, and when it is told to on its standard
 * input says whether it still thinks it may go on and what becomes of a write.
 */
const [endpoint = '', prefix = '', keyFile = ''] = process.argv.slice(2);
const store = openStore({
  endpoints: [endpoint],
  tls: null,
  auth: null,
  prefix,
  env: { PGCTL_SECRET_KEY_FILE: keyFile },
  timing: { leaseSeconds: 2 },
});
const lock = await store.acquireLock(
  'shop',
  {
    who: 'stopped',
    from: { host: 'here', boot_id: 'b1', pid: process.pid },
    command: 'pgctl db create shop',
    task_id: 't0',
    since: '2026-04-12T10:15:30.123Z',
  },
  { waitMs: 0 },
);
process.stdout.write('held\n');
process.stdin.once('data', () => {
  const before = lock.lost;
  lock
    .commit([
      { kind: 'put', key: store.keys.database('shop'), value: '"written by the stopped one"', expect: 'any' },
    ])
    .then(
      () => 'written',
      (error: unknown) => (error as { code: string }).code,
    )
    .then((outcome) => {
      process.stdout.write(`${JSON.stringify({ before, outcome })}\n`);
      process.exit(0);
    })
    .catch(() => process.exit(1));
});
