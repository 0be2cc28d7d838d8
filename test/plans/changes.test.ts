import { describe, expect, it } from 'vitest';
import { updateDatabase } from '../../plans/update-database.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { planOperation } from '../../src/plan/plan-operation.ts';
import { type Resource, resourceKey, type StoredResource } from '../../src/plan/resource.ts';
import { planDocument } from '../../src/plan/summary.ts';
import type { InstanceRecord } from '../../src/records/types.ts';
import type { DatabaseSpec } from '../../src/spec/types.ts';
import { desired, host, instanceRecord, left, spec, user } from './fixtures.ts';

const HOSTS = [1, 2, 3, 4].map((n) => host(n));
const ALL = ['host-1', 'host-2', 'host-3'];
const OWNER = user('app', { db_owner: true });

interface Database {
  readonly hosts?: readonly string[];
  readonly parameters?: Readonly<Record<string, string>>;
  readonly hba?: readonly string[];
  readonly users?: DatabaseSpec['database_users'];
  readonly port?: number;
  readonly verifiers?: Readonly<Record<string, string>>;
  /** What the records want of instances, beside what the spec does. */
  readonly records?: Readonly<Record<string, Partial<InstanceRecord>>>;
}

function stateOf(database: Database): Resource[] {
  const { hosts = ALL, parameters = {}, hba = [], users = [OWNER], port } = database;
  return desired(
    {
      hosts: HOSTS,
      spec: spec({
        hosts,
        postgresql_conf: parameters,
        pg_hba_conf: hba,
        database_users: users,
        ...(port === undefined ? {} : { port }),
      }),
      instances: Object.entries(database.records ?? {}).map(([id, changes]) =>
        instanceRecord(`shop.n1.${id}`, changes),
      ),
    },
    { app: 'v1', ...database.verifiers },
  ).flat();
}

interface Change {
  /** What the user did; the golden's file is named after it. */
  readonly title: string;
  readonly from?: Database;
  readonly to: Database;
  readonly primary?: string | null;
  readonly lost?: readonly string[];
  readonly force?: boolean;
  /** What is wrong with resources that are there. */
  readonly but?: (resource: Resource) => Partial<StoredResource> | null;
}

const NOW = '2026-11-24T00:00:00.000Z';
const restarted = (...hosts: string[]): NonNullable<Database['records']> =>
  Object.fromEntries(hosts.map((id) => [id, { restart_requested: NOW }]));
const stopped = (...hosts: string[]): NonNullable<Database['records']> =>
  Object.fromEntries(hosts.map((id) => [id, { running: false, state: 'stopped' }]));

const CHANGES: readonly Change[] = [
  { title: 'adding a replica', to: { hosts: [...ALL, 'host-4'] } },
  { title: 'growing from one instance to three', from: { hosts: ['host-1'] }, to: {} },
  { title: 'removing a replica', to: { hosts: ['host-1', 'host-2'] } },
  { title: 'removing the primary', to: { hosts: ['host-2', 'host-3'] } },
  { title: 'changing a parameter that is reloaded', to: { parameters: { work_mem: '8MB' } } },
  { title: 'raising max_connections', to: { parameters: { max_connections: '200' } } },
  { title: 'lowering max_connections', to: { parameters: { max_connections: '50' } } },
  {
    title: 'raising one and lowering another parameter of replicas',
    to: { parameters: { max_connections: '50', max_worker_processes: '16' } },
  },
  { title: 'adding an hba line', to: { hba: ['host all app 10.0.0.0/24 scram-sha-256'] } },
  { title: 'adding a user', to: { users: [OWNER, user('report')] } },
  { title: 'dropping a user', from: { users: [OWNER, user('report')] }, to: {} },
  { title: 'changing a password', to: { verifiers: { app: 'v2' } } },
  { title: 'moving to another port', to: { port: 6000 } },
  { title: 'restarting a database', to: { records: restarted(...ALL) } },
  { title: 'restarting one instance', to: { records: restarted('host-2') } },
  { title: 'stopping a replica', to: { records: stopped('host-3') } },
  { title: 'stopping the primary', to: { records: stopped('host-1') } },
  {
    title: 'stopping the only instance',
    from: { hosts: ['host-1'] },
    to: { hosts: ['host-1'], records: stopped('host-1') },
  },
  { title: 'starting a replica', from: { records: stopped('host-3') }, to: {} },
  {
    title: 'changing a parameter while there is no primary',
    to: { parameters: { work_mem: '8MB' } },
    primary: null,
  },
  { title: 'forcing an update of what does not differ', to: {}, force: true },
  {
    title: 'repairing an instance whose update failed',
    to: {},
    but: ({ type, id }) =>
      type === 'instance' && id.endsWith('host-2') ? { error: 'the restart failed' } : {},
  },
  { title: 'recovering from the loss of the primary', to: { hosts: ['host-2', 'host-3'] }, lost: ['host-1'] },
  { title: 'recovering from the loss of a replica', to: { hosts: ['host-1', 'host-2'] }, lost: ['host-3'] },
  {
    title: 'recovering from the loss of two of three',
    to: { hosts: ['host-3'] },
    lost: ['host-1', 'host-2'],
  },
];

function planOf({ from = {}, to, primary = 'host-1', lost = [], force = false, but = () => ({}) }: Change): {
  readonly plans: readonly Plan[];
  readonly abandoned: readonly StoredResource[];
  readonly start: readonly StoredResource[];
} {
  const start = left(stateOf(from), but);
  const leads = primary !== null && !lost.includes(primary);
  const states = updateDatabase({
    desired: stateOf(to),
    current: new Map(start.map((resource) => [resourceKey(resource), resource])),
    primaries: leads ? new Map([['shop.n1', primary]]) : new Map(),
  });
  const planned = planOperation({ current: start, desired: states, lostHosts: new Set(lost), force });
  return { ...planned, start };
}

const named = (title: string): Change => {
  const found = CHANGES.find((change) => change.title === title);
  if (found === undefined) throw new Error(title);
  return found;
};

/** Hosts whose instances have events, plan by plan. */
const hostsInOrder = (title: string): string[][] =>
  planOf(named(title)).plans.map((plan) =>
    plan
      .flat()
      .filter(({ resource, type }) => resource.type === 'instance' && type !== 'delete')
      .map(({ resource }) => resource.id.replace('shop.n1.', '')),
  );

describe('a plan for', () => {
  it.each(CHANGES)('$title', async (change) => {
    const { plans, abandoned } = planOf(change);
    const document = {
      ...planDocument({ operation: 'update', databaseId: 'shop', plans }),
      ...(abandoned.length === 0 ? {} : { abandoned: abandoned.map(resourceKey) }),
    };
    const file = `goldens/${change.title.replaceAll(' ', '-')}.json`;
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot(file);
  });

  it.each(CHANGES)('$title deletes in the last plan only', ({ ...change }) => {
    const deletes = planOf(change).plans.map((plan) => plan.flat().some(({ type }) => type === 'delete'));
    expect(deletes.slice(0, -1)).not.toContain(true);
  });

  it.each(CHANGES.filter(({ lost }) => lost !== undefined))(
    '$title does nothing on what is lost',
    (change) => {
      const { plans, abandoned } = planOf(change);
      for (const { resource } of plans.flat(2)) {
        if (resource.executor.kind === 'host') expect(change.lost).not.toContain(resource.executor.host);
      }
      const gone = abandoned.filter(({ type }) => type === 'instance').map(({ id }) => id);
      expect(gone.sort()).toEqual((change.lost ?? []).map((id) => `shop.n1.${id}`));
    },
  );
});

describe('a change of a running database goes', () => {
  it('over its replicas one at a time, and then to the primary', () => {
    expect(hostsInOrder('restarting a database').filter((hosts) => hosts.length > 0)).toEqual([
      ['host-2'],
      ['host-3'],
      ['host-1'],
    ]);
  });

  it('to new replicas last', () => {
    expect(
      hostsInOrder('adding a replica')
        .filter((hosts) => hosts.length > 0)
        .at(-1),
    ).toEqual(['host-4']);
  });

  it('to the primary first where a replica must not have less', () => {
    expect(hostsInOrder('lowering max_connections').filter((hosts) => hosts.length > 0)).toEqual([
      ['host-1'],
      ['host-2'],
      ['host-3'],
    ]);
    expect(hostsInOrder('raising max_connections').filter((hosts) => hosts.length > 0)).toEqual([
      ['host-2'],
      ['host-3'],
      ['host-1'],
    ]);
  });

  it('round twice where some are raised and others lowered', () => {
    const hosts = hostsInOrder('raising one and lowering another parameter of replicas');
    expect(hosts.filter((each) => each.length > 0)).toEqual(
      ['host-2', 'host-3', 'host-1', 'host-1', 'host-2', 'host-3'].map((id) => [id]),
    );
  });

  it('everywhere at once while nobody is primary', () => {
    const hosts = hostsInOrder('changing a parameter while there is no primary');
    expect(hosts).toEqual([ALL]);
  });

  it('past roles and the database when instances restart or stop', () => {
    for (const title of ['restarting a database', 'stopping a replica', 'stopping the only instance']) {
      const types = planOf(named(title))
        .plans.flat(2)
        .map(({ resource }) => resource.type);
      expect(types).not.toContain('role');
      expect(types).not.toContain('postgres_database');
    }
  });
});
