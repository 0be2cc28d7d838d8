import { describe, expect, it } from 'vitest';
import type { Finding, Fleet, SeenDatabase, SeenInstance } from '../../src/records/fleet.ts';
import { findingsOf, LAG_LIMIT_BYTES } from '../../src/records/findings.ts';
import type { LockRecord } from '../../src/records/types.ts';
import { cluster, member, primary, TASK, THEN } from './fixtures.ts';

/** Shop's instance on a host; the one on `a` is the primary. */
const seen = (host: string, changes: Partial<SeenInstance> = {}): SeenInstance => ({
  instance_id: `shop.n1.${host}`,
  database_id: 'shop',
  host_id: host,
  node_name: 'n1',
  state: 'available',
  role: host === 'a' ? 'primary' : 'replica',
  pending_restart: false,
  lag_bytes: 0,
  timeline: 1,
  running: true,
  error: null,
  ...changes,
});

const shop = (changes: Partial<SeenDatabase> = {}): SeenDatabase => ({
  id: 'shop',
  state: 'available',
  error: null,
  last_task_id: 't1',
  instances: [seen('a'), seen('b')],
  ...changes,
});

const clusters = (...list: ReturnType<typeof cluster>[]): Fleet['clusters'] =>
  new Map(list.map((each) => [each.scope, each]));

const HEALTHY = clusters(cluster([primary('a'), member('b')]));

const fleet = (changes: Partial<Fleet> = {}): Fleet => ({
  databases: [shop()],
  clusters: HEALTHY,
  locks: new Map(),
  tasks: new Map(),
  corrupt: [],
  patroniNamespace: '/pgctl/patroni/',
  ...changes,
});

const LOCK: LockRecord = { who: 'bob', from: TASK.from, command: 'x', task_id: 't1', since: THEN };
const taskOf = (changes: object): Fleet['tasks'] => new Map([['t1', { ...TASK, ...changes }]]);
const brief = (findings: readonly Finding[]): string[] =>
  findings.map(({ severity, subject, message }) => `${severity} ${subject}: ${message}`);

const LOST = [seen('a', { state: 'unknown', role: null, timeline: null, lag_bytes: null }), seen('b')];
const FAILED = seen('b', { state: 'failed', role: null, error: 'initdb failed' });

/** What is wrong, what is said of it, and what the remedy names. */
const CASES: readonly [title: string, fleet: Fleet, findings: string[], remedies: (string | null)[]][] = [
  ['nothing', fleet(), [], []],
  ['nothing without databases', fleet({ databases: [], clusters: new Map() }), [], []],
  [
    'a database whose last operation failed, and the instance it failed on',
    fleet({
      databases: [shop({ state: 'failed', error: 'phase 1 failed', instances: [seen('a'), FAILED] })],
      tasks: taskOf({ state: 'failed', operation: 'delete' }),
    }),
    [
      'error shop: the last operation on it failed: phase 1 failed',
      'error shop.n1.b: the last operation on it failed: initdb failed',
    ],
    [
      'Mend the cause and run the same command again, `pgctl db delete shop`; `pgctl task logs t1`',
      '`pgctl instance logs shop.n1.b`',
    ],
  ],
  [
    'a database whose failed task is not kept any more',
    fleet({ databases: [shop({ state: 'failed', last_task_id: null })] }),
    ['error shop: the last operation on it failed: it left no error'],
    ['Mend the cause and run the same command again.'],
  ],
  [
    'a database whose last task has an unknown outcome',
    fleet({
      databases: [shop({ state: 'failed', error: 'the link was cut' })],
      tasks: taskOf({ state: 'unknown', operation: 'create' }),
    }),
    ['error shop: nobody knows how the last operation on it ended: the link was cut'],
    ['Run the same command again, `pgctl db create …`'],
  ],
  [
    'an operation that was interrupted',
    fleet({
      databases: [shop({ state: 'modifying', interrupted: { task_id: 't1', who: 'alice' } })],
      tasks: taskOf({ operation: 'update' }),
    }),
    ['error shop: it is modifying, but nobody works on it: the run of alice ended without an outcome'],
    ['`pgctl db update -f …`; it goes on where that one stopped; `pgctl task logs t1`'],
  ],
  [
    'an interrupted operation on one instance',
    fleet({
      databases: [shop({ state: 'modifying', interrupted: { task_id: 't1', who: 'alice' } })],
      tasks: taskOf({ operation: 'restart' }),
    }),
    ['error shop: it is modifying, but nobody works on it: the run of alice ended without an outcome'],
    ['Run the same command again, the restart; it goes on'],
  ],
  [
    'an operation at work, which is nothing to mend, and its node without a primary for the time being',
    fleet({
      databases: [shop({ state: 'modifying', instances: [seen('a', { role: null }), seen('b')] })],
      locks: new Map([['shop', LOCK]]),
    }),
    [`info shop: bob on laptop works on it since ${THEN}`],
    [null],
  ],
  [
    'an instance that nothing is heard of, and its node without a primary',
    fleet({ databases: [shop({ state: 'degraded', instances: LOST })] }),
    [
      'error shop.n1: it has no primary: nothing can be written',
      'error shop.n1.a: it should run, and nothing is heard of it: its host a, its network or its unit is down',
    ],
    ['half a minute', 'if the host is lost for good, `pgctl recover --remove-host a`'],
  ],
  [
    'an instance that crashed, and one that is starting',
    fleet({
      databases: [
        shop({
          instances: [seen('a'), ...['b', 'c'].map((host) => seen(host, { state: 'degraded', role: null }))],
        }),
      ],
      clusters: clusters(
        cluster([primary('a'), member('b', { state: 'starting' }), member('c', { state: 'crashed' })]),
      ),
    }),
    [
      'error shop.n1.c: it should run, and Patroni says crashed of it',
      'warning shop.n1.b: it should run, and Patroni says starting of it',
    ],
    ['`pgctl instance logs shop.n1.c`', '`pgctl host check b`'],
  ],
  [
    'a replica on another timeline',
    fleet({ databases: [shop({ instances: [seen('a', { timeline: 2 }), seen('b')] })] }),
    ['warning shop.n1.b: it is on timeline 1, its primary on 2: it does not follow'],
    ['`pgctl instance logs shop.n1.b`'],
  ],
  [
    'no timeline where one is not known',
    fleet({ databases: [shop({ instances: [seen('a', { timeline: null }), seen('b')] })] }),
    [],
    [],
  ],
  [
    'a replica that lags by more than the limit',
    fleet({
      databases: [
        shop({
          instances: [
            seen('a'),
            seen('b', { lag_bytes: LAG_LIMIT_BYTES }),
            seen('c', { lag_bytes: 2 * LAG_LIMIT_BYTES }),
          ],
        }),
      ],
      clusters: clusters(cluster([primary('a'), member('b'), member('c')])),
    }),
    ['warning shop.n1.c: it is 32 MiB behind its primary'],
    ['catches up'],
  ],
  [
    'restarts that are pending, but not of what is stopped',
    fleet({
      databases: [
        shop({
          instances: [
            seen('a', { pending_restart: true }),
            seen('b', { pending_restart: true }),
            seen('c', { pending_restart: true, state: 'stopped', role: null, running: false }),
          ],
        }),
      ],
    }),
    [
      'warning shop: settings wait for a restart of shop.n1.a, shop.n1.b',
      'info shop.n1.c: it was stopped on request, and stays so',
    ],
    ['`pgctl db restart shop`', '`pgctl instance start shop.n1.c`'],
  ],
  [
    'a database that is stopped as a whole, which needs no primary',
    fleet({
      databases: [shop({ instances: [seen('a', { state: 'stopped', role: null, running: false })] })],
      clusters: clusters(cluster([])),
    }),
    ['info shop.n1.a: it was stopped on request, and stays so'],
    ['`pgctl instance start shop.n1.a`'],
  ],
  [
    'a member that no record knows, but not one that says that it stopped',
    fleet({
      clusters: clusters(
        cluster([primary('a'), member('b'), member('gone'), member('off', { state: 'stopped' })]),
      ),
    }),
    [
      'error shop.n1.gone: Patroni on gone says that it runs this instance, and no record knows it: a host that was removed and came back',
    ],
    ['`systemctl disable --now pgctl-shop.n1.gone.service`'],
  ],
  [
    'keys of a cluster that belongs to no database',
    fleet({ clusters: new Map([...HEALTHY, ...clusters(cluster([], { scope: 'old.n1' }))]) }),
    ['warning old.n1: Patroni has keys in etcd of a cluster that belongs to no database'],
    ['It can be removed: `etcdctl del --prefix /pgctl/patroni/old.n1/`'],
  ],
  [
    'a value that cannot be read, which takes no cluster for a stranger',
    fleet({
      databases: [],
      corrupt: [{ key: '/pgctl/v1/databases/shop', problem: 'it is not JSON' }],
    }),
    ['error /pgctl/v1/databases/shop: this value in etcd is not what pgctl wrote: it is not JSON'],
    ['`etcdctl get /pgctl/v1/databases/shop`'],
  ],
];

describe('the status finds', () => {
  it.each(CASES)('%s', (_title, given, findings, remedies) => {
    const found = findingsOf(given);
    expect(brief(found)).toEqual(findings);
    expect(found.map(({ remedy }) => remedy)).toEqual(
      remedies.map((part) => (part === null ? null : expect.stringContaining(part))),
    );
  });
});
