import { describe, expect, it } from 'vitest';
import { lies, type Observed, unfinished, unrest } from './invariants.ts';

const record = (value: object): string => JSON.stringify(value);
const ID = 'shop.n1.host-1';
const INSTANCE = {
  instance_id: ID,
  database_id: 'shop',
  host_id: 'host-1',
  state: 'available',
  running: true,
  port: 5432,
  patroni_port: 8008,
  error: null,
};
const TASK = { task_id: 't', operation: 'create', state: 'completed' };
const DATABASE = { database_id: 'shop', state: 'available', error: null };
const SECRET = 'never-to-be-seen';

/** A world in which all is well; each test changes one thing. */
function world(
  keys: Readonly<Record<string, string | null>> = {},
  more: Partial<Observed> & { readonly host?: Partial<Observed['hosts'][number]> } = {},
): Observed {
  const all: Record<string, string | null> = {
    '/pgctl/v1/databases/shop': record(DATABASE),
    [`/pgctl/v1/instances/shop/${ID}`]: record(INSTANCE),
    '/pgctl/v1/ports/host-1/5432': record({ instance_id: ID }),
    '/pgctl/v1/ports/host-1/8008': record({ instance_id: ID }),
    [`/pgctl/v1/guards/${ID}`]: '{}',
    '/pgctl/v1/secrets/shop/superuser': 'sealed',
    '/pgctl/patroni/shop.n1/leader': 'host-1',
    '/pgctl/v1/tasks/t': record(TASK),
    ...keys,
  };
  const host = { id: 'host-1', directories: [ID], units: [ID], servers: [ID], jobs: [], ...more.host };
  return {
    keys: new Map(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null)),
    hosts: [host],
    children: [],
    heard: [],
    secrets: [SECRET],
    ...more,
  };
}

const key = (kind: string): string => `/pgctl/v1/${kind}`;

describe('the invariants', () => {
  it('hold where all is well', () => {
    expect(unrest(world())).toEqual([]);
  });

  it.each([
    [
      'a secret in a value',
      world({ [key('tasks/x')]: record({ ...TASK, error: SECRET }) }),
      'a secret is in',
    ],
    ['a secret in a key', world({ [key(`secrets/shop/${SECRET}`)]: '' }), 'a secret is in a key'],
    ['a secret in an output', world({}, { heard: [{ where: 'stdout', text: `x${SECRET}` }] }), 'in stdout'],
    [
      'a directory of nobody',
      world({}, { host: { directories: [ID, 'blog.n1.host-1'] } }),
      'a directory blog.n1',
    ],
    ['a unit of nobody', world({}, { host: { units: [ID, 'blog.n1.host-1'] } }), 'a unit blog.n1'],
    ['a server of nobody', world({}, { host: { servers: [ID, 'b.n1.host-1'] } }), 'a running server b'],
  ])('are broken at any time by %s', (_what, observed, words) => {
    expect(lies(observed).join()).toContain(words);
    expect(unrest(observed).join()).toContain(words);
  });

  it.each([
    [
      'an instance in progress',
      world({ [key(`instances/shop/${ID}`)]: record({ ...INSTANCE, state: 'modifying' }) }),
      'is modifying',
    ],
    [
      'a database in progress',
      world({ [key('databases/shop')]: record({ ...DATABASE, state: 'deleting' }) }),
      'is deleting',
    ],
    ['a running task', world({ [key('tasks/t')]: record({ ...TASK, state: 'running' }) }), 'is running'],
    ['a lock', world({ [key('locks/databases/shop')]: '{}' }), 'is left'],
    ['a job on a host', world({}, { host: { jobs: ['sh -s'] } }), 'host-1: a job runs on: sh -s'],
    ['a child here', world({}, { children: ['ssh'] }), 'a child runs on: ssh'],
  ])('are broken by %s once an operation has ended', (_what, observed, words) => {
    expect(unfinished(observed).join()).toContain(words);
    expect(unrest(observed).join()).toContain(words);
  });

  it.each([
    [
      'a failed database',
      world({ [key('databases/shop')]: record({ ...DATABASE, state: 'failed', error: 'no' }) }),
      'shop is failed: no',
    ],
    [
      'a failed instance',
      world({ [key(`instances/shop/${ID}`)]: record({ ...INSTANCE, state: 'failed', error: 'no' }) }),
      `${ID} is failed: no`,
    ],
    [
      'a task of unknown outcome',
      world({ [key('tasks/t')]: record({ ...TASK, state: 'unknown' }) }),
      'unknown',
    ],
    [
      'what a killed step left',
      world({}, { host: { directories: [ID, `.new.${ID}`] } }),
      `.new.${ID} was left`,
    ],
    [
      'what is left of an installation',
      world({}, { host: { units: [ID, `${ID}.service.pgctl-new`] } }),
      `${ID}.service.pgctl-new was left`,
    ],
    [
      'a resource that is to be mended',
      world({
        [key('resources/shop/unit/u')]: record({ type: 'unit', id: 'u', needs_recreate: true, error: null }),
      }),
      'resource unit/u is to be mended',
    ],
    ['a missing directory', world({}, { host: { directories: [] } }), 'no directory'],
    ['a missing unit', world({}, { host: { units: [] } }), 'no unit'],
    ['a server that does not run', world({}, { host: { servers: [] } }), 'does not run'],
    [
      'a server that is to be stopped',
      world({ [key(`instances/shop/${ID}`)]: record({ ...INSTANCE, running: false, state: 'stopped' }) }),
      'runs, and its record',
    ],
    ['a host that is not there', world({}, { hosts: [] }), 'there is no host host-1'],
    ['a port that is not reserved', world({ [key('ports/host-1/5432')]: null }), 'not reserved'],
    [
      'a port reserved for nobody',
      world({ [key('ports/host-1/5433')]: record({ instance_id: ID }) }),
      'reserved for nothing',
    ],
    ['a guard of nobody', world({ [key('guards/b.n1.host-1')]: '{}' }), 'belongs to nothing'],
    ['a secret of a database that is gone', world({ [key('secrets/b/x')]: '' }), 'belongs to nothing'],
    ['keys of Patroni that nobody uses', world({ '/pgctl/patroni/b.n1/config': '' }), 'belongs to nothing'],
    ['instances without their database', world({ [key('databases/shop')]: null }), 'belongs to nothing'],
  ])('are broken by %s once all is done', (_what, observed, words) => {
    expect(unrest(observed).join()).toContain(words);
  });
});
