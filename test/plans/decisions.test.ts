import { describe, expect, it, test } from 'vitest';
import { deleteDatabase } from '../../plans/delete-database.ts';
import { updateDatabase } from '../../plans/update-database.ts';
import { actionOf, costOf } from '../../src/executor/lifecycle.ts';
import { planOperation } from '../../src/plan/plan-operation.ts';
import { type Resource, resourceKey } from '../../src/plan/resource.ts';
import { planDocument, type PlanDocument } from '../../src/plan/summary.ts';
import { needsRestart } from '../../src/spec/restarts.ts';
import { showPlan } from '../../src/ui/views.ts';
import { PLAIN } from '../ui/screen.ts';
import { desired, instanceRecord, left, type PlacementChanges, spec } from './fixtures.ts';

const ALL = ['shop.n1.host-1', 'shop.n1.host-2', 'shop.n1.host-3'];
const TWO = { hosts: ['host-1', 'host-2'] };
const records = (change: Parameters<typeof instanceRecord>[1] = {}, of = 'shop.n1.host-2') =>
  ALL.map((id) => instanceRecord(id, id === of ? change : {}));

/** The plan from one spec to another, the first of whose hosts is the primary. */
function change(
  before: PlacementChanges,
  after: PlacementChanges | Resource[][],
  operation = 'update',
): PlanDocument {
  const current = left(desired({ instances: records(), ...before }).flat());
  const states = Array.isArray(after)
    ? after
    : updateDatabase({
        desired: desired({ instances: records(), ...after }).flat(),
        current: new Map(current.map((resource) => [resourceKey(resource), resource])),
        primaries: new Map([['shop.n1', 'host-1']]),
      });
  const { plans } = planOperation({ current, desired: states });
  const copies = (of: readonly Resource[]): number => of.filter(({ type }) => type === 'directory').length;
  return planDocument({
    operation,
    databaseId: 'shop',
    plans,
    describe: (event) => ({ action: actionOf(event), cost: costOf(event) }),
    context: {
      primaries: { 'shop.n1': 'host-1' },
      copies: {
        left: copies(states.at(-1) ?? []),
        removed: copies(current) - copies(states.at(-1) ?? []),
      },
    },
  });
}

const costsOf = (document: PlanDocument): unknown[] =>
  document.plans.flat(2).flatMap(({ cost }) => cost ?? []);
const parameters = (postgresql_conf: Record<string, string>): PlacementChanges => ({
  spec: spec({ ...TWO, postgresql_conf }),
});

describe('what a change costs', () => {
  const RESTART = { kind: 'restart', certain: true };
  it.each<
    [title: string, before: PlacementChanges, after: PlacementChanges | Resource[][], costs: unknown[]]
  >([
    ['nothing where it is reloaded', parameters({}), parameters({ work_mem: '16MB' }), []],
    [
      'nothing for a line of access',
      parameters({}),
      { spec: spec({ ...TWO, pg_hba_conf: ['local all x peer'] }) },
      [],
    ],
    [
      'a restart each for what is read at start',
      parameters({ shared_buffers: '1GB' }),
      parameters({ max_connections: '200', shared_buffers: '2GB', work_mem: '16MB' }),
      Array(2).fill({ ...RESTART, because: ['max_connections', 'shared_buffers'] }),
    ],
    [
      'a restart for what is taken out again',
      parameters({ wal_buffers: '16MB' }),
      parameters({}),
      Array(2).fill({ ...RESTART, because: ['wal_buffers'] }),
    ],
    [
      'perhaps a restart for what only an extension knows',
      parameters({}),
      parameters({ 'pg_stat_statements.max': '9' }),
      Array(2).fill({ kind: 'restart', certain: false, because: ['pg_stat_statements.max'] }),
    ],
    [
      'a restart that is asked for',
      {},
      { instances: records({ restart_requested: '2026-01-02T03:04:05.000Z' }) },
      [{ ...RESTART, because: ['a restart is asked for'] }],
    ],
    ['a stop', {}, { instances: records({ running: false }) }, [{ kind: 'stop' }]],
    ['nothing for a start', { instances: records({ running: false }) }, {}, []],
    ['a copy of the data', {}, { spec: spec(TWO) }, [{ kind: 'copy' }]],
    ['all of them', {}, deleteDatabase(), Array(3).fill({ kind: 'copy' })],
  ])('%s', (_, before, after, costs) => {
    expect(costsOf(change(before, after))).toEqual(costs);
  });

  it.each([
    ['max_connections', 'yes'],
    ['shared_preload_libraries', 'yes'],
    ['wal_keep_size', 'no'],
    ['work_mem', 'no'],
    ['timescaledb.max_background_workers', 'perhaps'],
  ])('%s: %s', (name, answer) => {
    expect(needsRestart(name)).toBe(answer);
  });
});

describe('a plan reads like a decision', () => {
  const show = (document: PlanDocument): string => showPlan(document, PLAIN);

  test('of settings, with what they cost', () => {
    const before = spec({
      ...TWO,
      pg_hba_conf: ['host all old 10.0.0.0/8 scram-sha-256', 'local all a peer'],
    });
    const after = spec({
      ...TWO,
      postgresql_conf: { max_connections: '200', work_mem: '16MB', 'ext.api_password': 'hunter2' },
      pg_hba_conf: ['local all a peer', 'host all "New One" 10.0.0.0/8 scram-sha-256'],
    });
    const document = change({ spec: before }, { spec: after });
    expect(JSON.stringify(document)).not.toContain('hunter2');
    expect(show(document)).toMatchInlineSnapshot(`
      "update shop

      On host-2
        ~ change instance shop.n1.host-2
            ext.api_password: a new value
            work_mem: (not set) → 16MB
            pg_hba:
              - host all old 10.0.0.0/8 scram-sha-256
              + host all "New One" 10.0.0.0/8 scram-sha-256
            ! restarts (max_connections)

      On host-1 (primary of shop.n1)
        ~ change instance shop.n1.host-1
            ext.api_password: a new value
            work_mem: (not set) → 16MB
            pg_hba:
              - host all old 10.0.0.0/8 scram-sha-256
              + host all "New One" 10.0.0.0/8 scram-sha-256
            ! restarts (max_connections)

      In the cluster shop.n1
        ~ configure cluster shop.n1
            max_connections: 100 → 200

      In this order
        1/6  configure cluster: shop.n1
        2/6  write configuration: host-2
        3/6  reconfigure (! restart): host-2
        4/6  write configuration: host-1
        5/6  reconfigure (! restart): host-1
        6/6  await replicas: shop.n1

      0 to create, 6 to update, 0 to delete, in 6 phases
      ! 2 restarts, one instance at a time"
    `);
  });

  test('of a copy that goes', () => {
    expect(show(change({}, { spec: spec(TWO) }))).toMatchInlineSnapshot(`
      "update shop

      On host-2
        ~ change instance shop.n1.host-2
            pg_hba:
              - host replication "replicator" 10.0.0.3/32 scram-sha-256
              - host all all 10.0.0.3/32 scram-sha-256

      On host-1 (primary of shop.n1)
        ~ change instance shop.n1.host-1
            pg_hba:
              - host replication "replicator" 10.0.0.3/32 scram-sha-256
              - host all all 10.0.0.3/32 scram-sha-256

      On host-3
        - remove instance shop.n1.host-3 (it is no longer wanted)
            ! this copy of the data is removed

      In this order
        1/8  write configuration: host-2
        2/8  reconfigure: host-2
        3/8  write configuration: host-1
        4/8  reconfigure: host-1
        5/8  await replicas: shop.n1
        6/8  forget: host-3
        7/8  drop configuration: host-3; stop and remove unit: host-3
        8/8  remove directory and data: host-3; forget member: shop.n1.host-3

      0 to create, 5 to update, 5 to delete, in 8 phases
      ! 1 copy of the data removed, 2 left"
    `);
  });

  test('of the primary that goes, which another takes over from', () => {
    const text = show(change({}, { spec: spec({ hosts: ['host-2', 'host-3'] }) }));
    expect(text).toContain('! another instance takes over as primary before');
  });

  test('of a delete, after which nothing is left', () => {
    const text = show(change({}, deleteDatabase(), 'delete'));
    expect(text).toContain('! 3 copies of the data removed, and none is left: the data is lost');
    expect(text).toContain(
      '  - remove instance shop.n1.host-1 (it is no longer wanted)\n      ! this copy of the data is removed',
    );
  });

  test('of a stop and of a restart, by their verbs', () => {
    expect(show(change({}, { instances: records({ running: false }) }))).toContain(
      '  ~ stop instance shop.n1.host-2',
    );
    const asked = { instances: records({ restart_requested: '2026-01-02T03:04:05.000Z' }) };
    expect(show(change({}, asked))).toMatchInlineSnapshot(`
      "update shop

      On host-2
        ~ restart instance shop.n1.host-2
            ! restarts (a restart is asked for)

      In this order
        1/2  restart (! restart): host-2
        2/2  await replicas: shop.n1

      0 to create, 2 to update, 0 to delete, in 2 phases
      ! 1 restart, one instance at a time"
    `);
  });

  test('of lines that only change their order', () => {
    const hba = (...lines: string[]): PlacementChanges => ({ spec: spec({ ...TWO, pg_hba_conf: lines }) });
    const [a, b] = ['local all a peer', 'local all b peer'];
    expect(show(change(hba(a, b), hba(b, a)))).toContain('      pg_hba: the same in another order');
  });
});
