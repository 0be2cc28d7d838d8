import { lockOf, storeOn, database } from './fixtures.ts';

/**
 * Run as a process of its own: takes the lock of `shop`, says so, and when it is told to on its standard
 * input says whether it still thinks it may go on and what becomes of a write.
 */
const [endpoint = '', prefix = '', keyFile = ''] = process.argv.slice(2);
const store = storeOn(
  { endpoint },
  { prefix, env: { PGCTL_SECRET_KEY_FILE: keyFile }, timing: { leaseSeconds: 2 } },
);
const lock = await lockOf(store, 'shop', { who: 'stopped' });
process.stdout.write('held\n');
process.stdin.once('data', () => {
  const before = lock.lost;
  lock
    .commit([store.databases.write(database('shop', { error: 'written by the stopped one' }), 'any')])
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
