import { describe, expect, it } from 'vitest';
import { deleteDatabase } from '../../plans/delete-database.ts';
import { planOperation } from '../../src/plan/plan-operation.ts';
import type { Resource, StoredResource } from '../../src/plan/resource.ts';
import { planDocument } from '../../src/plan/summary.ts';
import {
  desired,
  host,
  instanceRecord,
  left,
  localHost,
  type PlacementChanges,
  spec,
  user,
} from './fixtures.ts';

const SHOP = {
  spec: spec({
    database_users: [user('app', { db_owner: true, roles: ['reader'] }), user('reader', { attributes: [] })],
  }),
};
const VERIFIERS = { app: 'v1' };
const shop = (): Resource[] => desired(SHOP, VERIFIERS).flat();

const TWO: PlacementChanges = { spec: spec({ hosts: ['host-1', 'host-2'] }) };

const ONE: PlacementChanges = { hosts: [host(1)], spec: spec({ hosts: ['host-1'] }) };

const on = (resource: Resource, id: string): boolean =>
  resource.executor.kind === 'host' && resource.executor.host === id;

/** What stays of a create whose start of host-2's instance failed. */
const halfCreated = (): StoredResource[] =>
  left(shop(), (resource) => {
    if (resource.type === 'instance' && on(resource, 'host-2')) {
      return { needs_recreate: true, error: 'Patroni ended' };
    }
    return ['node', 'cluster_config', 'role', 'postgres_database'].includes(resource.type) ? null : {};
  });

interface Golden {
  /** What the user did; the golden's file is named after it. */
  readonly title: string;
  readonly operation?: string;
  readonly current?: readonly StoredResource[];
  readonly desired: Resource[][];
  readonly lostHosts?: ReadonlySet<string>;
}

const GOLDENS: readonly Golden[] = [
  { title: 'creating a database on three hosts', desired: desired(SHOP, VERIFIERS) },
  { title: 'creating on one host without users', desired: desired(ONE) },
  {
    title: 'creating on this machine without systemd',
    desired: desired({
      hosts: [1, 2, 3].map((n) => localHost(n)),
      spec: spec({ hosts: ['local-1', 'local-2', 'local-3'] }),
    }),
  },
  {
    title: 'creating on two hosts where etcd has users',
    desired: desired(TWO, {}, { etcdUsers: true }),
  },
  {
    title: 'the same spec again where etcd has users',
    current: left(desired(TWO, {}, { etcdUsers: true }).flat()),
    desired: desired(TWO, {}, { etcdUsers: true }),
  },
  {
    title: 'recovering from the loss of a host where etcd has users',
    operation: 'recover',
    current: left(desired(TWO, {}, { etcdUsers: true }).flat()),
    desired: desired(ONE, {}, { etcdUsers: true }),
    lostHosts: new Set(['host-2']),
  },
  {
    title: 'deleting a database where etcd has users',
    operation: 'delete',
    current: left(desired(TWO, {}, { etcdUsers: true }).flat()),
    desired: deleteDatabase(),
  },
  { title: 'the same spec again', current: left(shop()), desired: desired(SHOP, VERIFIERS) },
  { title: 'deleting a database', operation: 'delete', current: left(shop()), desired: deleteDatabase() },
  {
    title: 'deleting a half-created database',
    operation: 'delete',
    current: halfCreated(),
    desired: deleteDatabase(),
  },
  {
    title: 'creating again after an instance failed',
    current: halfCreated(),
    desired: desired(SHOP, VERIFIERS),
  },
  {
    title: 'creating again after a host lost everything',
    current: left(shop(), (resource) => (on(resource, 'host-3') ? { needs_recreate: true } : {})),
    desired: desired(SHOP, VERIFIERS),
  },
  {
    title: 'creating again with a new password',
    current: left(shop()),
    desired: desired(SHOP, { app: 'v2' }),
  },
];

const planOf = ({ current = [], desired: states, lostHosts = new Set<string>() }: Golden) =>
  planOperation({ current, desired: states, lostHosts });

describe('a plan for', () => {
  it.each(GOLDENS)('$title', async (golden) => {
    const { plans } = planOf(golden);
    const document = planDocument({ operation: golden.operation ?? 'create', databaseId: 'shop', plans });
    const file = `goldens/${golden.title.replaceAll(' ', '-')}.json`;
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot(file);
  });

  it.each(GOLDENS)('$title is the same whatever the order of what it is made from', (golden) => {
    const backwards = {
      current: [...(golden.current ?? [])].reverse(),
      desired: golden.desired.map((state) => [...state].reverse()),
    };
    expect(JSON.stringify(planOf({ ...golden, ...backwards }).plans)).toBe(
      JSON.stringify(planOf(golden).plans),
    );
  });
});

describe('deleting a half-created database', () => {
  it('does nothing inside a Postgres that may not be there', () => {
    const inside = planOf({ title: '', current: halfCreated(), desired: deleteDatabase() })
      .plans.flat(2)
      .filter(({ resource }) => resource.executor.kind === 'primary');
    expect(inside.map(({ reason }) => reason)).toEqual([
      'container_deleted',
      'container_deleted',
      'container_deleted',
    ]);
  });
});

describe('what a database is made of', () => {
  it('has one member with a bootstrap section: the first host’s', () => {
    const configs = desired({ spec: spec({ hosts: ['host-2', 'host-1'] }) })
      .flat()
      .filter(({ type }) => type === 'patroni_config');
    expect(
      configs.map(({ executor, attributes }) => [
        'host' in executor ? executor.host : null,
        'bootstrap' in (attributes.config as object),
      ]),
    ).toEqual([
      ['host-2', true],
      ['host-1', false],
    ]);
  });

  it('holds no password and no verifier, only digests of them', () => {
    const text = JSON.stringify(shop());
    expect(text).toContain('"verifier_digest":"v1"');
    expect(text).not.toMatch(/"password"|SCRAM-SHA-256\$/);
  });

  it('leaves a stopped instance stopped', () => {
    const stopped = instanceRecord('shop.n1.host-2', { running: false, state: 'stopped' });
    const instances = desired({ instances: [stopped] })
      .flat()
      .filter(({ type }) => type === 'instance');
    expect(instances.map(({ id, attributes }) => [id, attributes.running])).toEqual([
      ['shop.n1.host-1', true],
      ['shop.n1.host-2', false],
      ['shop.n1.host-3', true],
    ]);
  });

  it('has a database that belongs to the superuser where no user owns it', () => {
    const database = desired(ONE)
      .flat()
      .find(({ type }) => type === 'postgres_database');
    expect(database).toMatchObject({
      attributes: { name: 'shop', owner: null },
      after: ['node/shop.n1'],
    });
  });
});
