import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyHome, type Outcome, pgctl } from '../../commands/run.ts';
import { type Etcd, startEtcd } from '../etcd.ts';
import { database, host, instance, KEY_FILE, LATER, lockOf, newPrefix, storeOn, task } from '../fixtures.ts';

const TASK = '20260412-101530123-k3f9qz';
const DELETED = '20260410-101530123-d3f9qz';
const SPEC = 'id: shpo\nnodes:\n  - {name: n1, host_ids: [hots-1]}\n';
const { home, remove } = emptyHome();
const prefix = newPrefix();
let etcd: Etcd;

const run = (argv: readonly string[], stdin = ''): Promise<Outcome> =>
  pgctl(argv, {
    env: {
      HOME: home,
      PGCTL_ENDPOINTS: etcd.endpoint,
      PGCTL_PREFIX: prefix,
      PGCTL_SECRET_KEY_FILE: KEY_FILE,
    },
    stdin,
  });

beforeAll(async () => {
  etcd = await startEtcd();
  const store = storeOn(etcd, { prefix });
  await store.hosts.register(host('host-1'), null);
  const lock = await lockOf(store);
  await lock.commit([
    store.databases.write(database('shop'), 'absent'),
    store.instances.write(instance('shop.n1.host-1'), 'absent'),
    store.tasks.write(task(TASK), 'absent'),
    store.tasks.write(
      task(DELETED, { operation: 'delete', entity_id: 'old', state: 'completed', finished_at: LATER }),
      'absent',
    ),
  ]);
  await lock.release();
  store.close();
});
afterAll(async () => {
  await etcd?.stop();
  remove();
});

describe('a name that is nearly another is told so', () => {
  it.each<[code: number, argv: string, meant: string, stdin?: string]>([
    [5, 'db get shpo', 'shop'],
    [5, 'db delete shpo', 'shop'],
    [5, 'db restart shpo', 'shop'],
    [5, 'db psql shpo', 'shop'],
    [5, 'db plan --delete shpo', 'shop'],
    [5, 'db update -f -', 'shop', SPEC],
    [64, 'db create -f -', 'host-1', SPEC],
    [5, 'instance get shop.n1.host1', 'shop.n1.host-1'],
    [5, 'instance stop shop.n1.host1', 'shop.n1.host-1'],
    [5, 'instance logs shop.n1.host1', 'shop.n1.host-1'],
    [64, 'instance list --state availble', 'available'],
    [0, 'instance list --database shpo', 'shop'],
    [0, 'instance list --host hots-1', 'host-1'],
    [0, 'task list --database shpo', 'shop'],
    [5, 'host get hots-1', 'host-1'],
    [5, 'host check hots-1', 'host-1'],
    [5, 'host remove hots-1', 'host-1'],
    [5, 'recover --remove-host hots-1 --dry-run', 'host-1'],
    [5, `task get ${TASK}z`, TASK],
    [5, `task logs ${TASK}z`, TASK],
    [5, `task cancel ${TASK}z`, TASK],
    [5, `task resume ${TASK}z`, TASK],
  ])('%d %s', async (code, argv, meant, stdin) => {
    const { stderr, ...outcome } = await run(argv.split(' '), stdin);
    expect(stderr).toContain(`did you mean "${meant}"?`);
    expect(outcome.code).toBe(code);
  });
});

it('a database that is not there any more is told who deleted it, and when', async () => {
  const { code, stderr } = await run(['db', 'delete', 'old', '--yes']);
  expect(code).toBe(5);
  expect(stderr).toContain(
    `there is no database old any more: ann from here deleted it at ${LATER} (task ${DELETED})`,
  );
});

it('a name that is near nothing is not', async () => {
  const { code, stderr } = await run(['instance', 'list', '--database', 'warehouse']);
  expect([code, stderr]).toEqual([0, '']);
  expect((await run(['db', 'get', 'warehouse'])).stderr).not.toContain('did you mean');
});
