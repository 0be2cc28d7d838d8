import { describe, expect, it } from 'vitest';
import { planOperation } from '../../src/plan/plan-operation.ts';
import type { Resource, StoredResource } from '../../src/plan/resource.ts';
import { asStored, keys, onHost, onPrimary, resource, run, stored, words } from './fixtures.ts';

/** One instance from its directory to the database in Postgres. */
const stack: readonly Resource[] = [
  resource('directory/a', onHost('host-1')),
  resource('config/a', { ...onHost('host-1'), dependencies: ['directory/a'], attributes: { port: 5432 } }),
  resource('unit/a', { ...onHost('host-1'), dependencies: ['config/a'] }),
  resource('node/n1', { ...onPrimary('n1'), dependencies: ['unit/a'] }),
  resource('role/app', { ...onPrimary('n1'), dependencies: ['node/n1'], contained_in: 'node/n1' }),
];

const change = <R extends Resource>(resources: readonly R[], key: string, changes: Partial<R>): R[] =>
  resources.map((item) => (`${item.type}/${item.id}` === key ? { ...item, ...changes } : item));

describe('planOperation', () => {
  it('creates what does not exist, in layers', () => {
    expect(words(planOperation({ current: [], desired: [stack] }))).toEqual([
      [
        ['create directory/a (does_not_exist)'],
        ['create config/a (does_not_exist)'],
        ['create unit/a (does_not_exist)'],
        ['create node/n1 (does_not_exist)'],
        ['create role/app (does_not_exist)'],
      ],
    ]);
  });

  it('plans nothing where nothing differs', () => {
    expect(planOperation({ current: asStored(stack), desired: [stack] })).toEqual({
      plans: [],
      abandoned: [],
      restated: [],
    });
  });

  it('updates what differs, with the diff, and what depends on it, without', () => {
    const desired = change(stack, 'config/a', { attributes: { port: 5433 } });
    const operation = planOperation({ current: asStored(stack), desired: [desired] });
    expect(words(operation)).toEqual([
      [
        ['update config/a (has_diff)'],
        ['update unit/a (dependency_updated)'],
        ['update node/n1 (dependency_updated)'],
        ['update role/app (dependency_updated)'],
      ],
    ]);
    const diffs = operation.plans.flat(2).map(({ diff }) => diff);
    expect(diffs).toEqual([[{ path: '/port', from: 5432, to: 5433 }], undefined, undefined, undefined]);
  });

  it('updates what depends on the type of what changes', () => {
    const current = [stored('a/x'), stored('b/x', { type_dependencies: ['a'] })];
    const desired = [
      resource('a/x', { attributes: { v: 1 } }),
      resource('b/x', { type_dependencies: ['a'] }),
    ];
    expect(words(planOperation({ current, desired: [desired] }))).toEqual([
      [['update a/x (has_diff)'], ['update b/x (dependency_updated)']],
    ]);
  });

  const troubled: Partial<StoredResource> = { needs_recreate: true, error: 'no' };
  const differing = { attributes: { v: 1 } };
  it.each<[string, Partial<StoredResource> | null, string]>([
    ['absence goes before everything', null, 'create b/x (does_not_exist)'],
    ['needs_recreate before an error', { ...troubled, ...differing }, 'create b/x (needs_recreate)'],
    ['an error before force', { error: 'no', ...differing }, 'update b/x (has_error)'],
    ['force before a changed dependency', differing, 'update b/x (force_update)'],
  ])('%s', (_title, state, expected) => {
    const current = state === null ? [] : [stored('b/x', { dependencies: ['a/x'], ...state })];
    const desired = [resource('a/x'), resource('b/x', { dependencies: ['a/x'] })];
    const [plan = []] = words(planOperation({ current, desired: [desired], force: true }));
    expect(plan.flat().filter((word) => word.includes('b/x'))).toEqual([expected]);
  });

  it('names a changed dependency before a difference', () => {
    const current = [stored('b/x', { dependencies: ['a/x'], attributes: { v: 1 } })];
    const desired = [resource('a/x'), resource('b/x', { dependencies: ['a/x'] })];
    expect(words(planOperation({ current, desired: [desired] })).flat(2)).toContain(
      'update b/x (dependency_updated)',
    );
  });

  it('does not count what the desired resource ignores, and keeps it as it was applied', () => {
    const current = [stored('a/x', { attributes: { v: 1, seen: { at: 1 } } })];
    const desired = resource('a/x', { attributes: { v: 1, seen: { at: 2 } }, diff_ignore: ['/seen'] });
    const { plans, restated } = planOperation({ current, desired: [[desired]] });
    expect(plans).toEqual([]);
    expect(restated).toEqual([
      stored('a/x', { attributes: { v: 1, seen: { at: 1 } }, diff_ignore: ['/seen'] }),
    ]);
  });

  it('deletes what is not desired, after the changes, in reverse order, and says what lives in what', () => {
    const current = asStored(stack);
    expect(words(planOperation({ current, desired: [[]] }))).toEqual([
      [
        ['delete role/app (container_deleted)'],
        ['delete node/n1 (not_desired)'],
        ['delete unit/a (not_desired)'],
        ['delete config/a (not_desired)'],
        ['delete directory/a (not_desired)'],
      ],
    ]);
    const kept = [...stack.slice(0, 4), resource('role/new', { dependencies: ['node/n1'] })];
    expect(words(planOperation({ current, desired: [kept] }))).toEqual([
      [['create role/new (does_not_exist)'], ['delete role/app (not_desired)']],
    ]);
  });

  it('has nothing to do for the contents of what never came to be', () => {
    const current = asStored(stack).filter(({ type }) => type !== 'node');
    expect(words(planOperation({ current, desired: [[]] })).flat(2)).toContain(
      'delete role/app (container_deleted)',
    );
  });

  it('keeps the order of deletes that hangs on something that stays', () => {
    const current = [
      stored('a/x'),
      stored('b/x', { dependencies: ['a/x'] }),
      stored('c/x', { dependencies: ['b/x'] }),
    ];
    expect(words(planOperation({ current, desired: [[resource('b/x')]] }))).toEqual([
      [['delete c/x (not_desired)'], ['delete a/x (not_desired)']],
    ]);
  });

  it('deletes a half-made state, whose dependencies are missing or failed', () => {
    const current = [
      stored('config/a', { dependencies: ['directory/a'], needs_recreate: true, error: 'disk full' }),
      stored('unit/a', { dependencies: ['config/a'] }),
    ];
    expect(words(planOperation({ current, desired: [[]] }))).toEqual([
      [['delete unit/a (not_desired)'], ['delete config/a (not_desired)']],
    ]);
  });

  it.each<[string, Partial<Resource>, Partial<Resource>, string]>([
    ['to another host', onHost('h1'), onHost('h2'), 'a/x cannot move from host h1 to host h2.'],
    [
      'to another node',
      onPrimary('n1'),
      onPrimary('n2'),
      'a/x cannot move from the primary of n1 to the primary of n2.',
    ],
  ])('refuses to move a resource %s', (_title, from, to, message) => {
    const request = { current: [stored('a/x', from)], desired: [[resource('a/x', to)]] };
    expect(() => planOperation(request)).toThrowError(
      expect.objectContaining({ code: 'unplannable', message }),
    );
  });

  it('takes another kind of executor for a difference', () => {
    const current = [stored('a/x')];
    const { plans } = planOperation({ current, desired: [[resource('a/x', onHost('h1'))]] });
    expect(plans.flat(2)).toMatchObject([
      {
        type: 'update',
        reason: 'has_diff',
        diff: [{ path: '/executor', from: { kind: 'controller' }, to: { kind: 'host', host: 'h1' } }],
      },
    ]);
  });

  it('plans nothing for a changed dependency alone, and says what to store anew', () => {
    const current = [stored('a/x'), stored('b/x', { attributes: { v: 1 } })];
    const desired = [resource('a/x'), resource('b/x', { attributes: { v: 1 }, dependencies: ['a/x'] })];
    expect(planOperation({ current, desired: [desired] })).toEqual({
      plans: [],
      abandoned: [],
      restated: [stored('b/x', { attributes: { v: 1 }, dependencies: ['a/x'] })],
    });
  });

  it('fails where a desired resource needs what the last state is without', () => {
    const current = [stored('a/x')];
    const desired = [[resource('b/x', { dependencies: ['a/x'] })]];
    expect(() => planOperation({ current, desired })).toThrowError(
      expect.objectContaining({ code: 'unplannable', message: 'b/x needs a/x, which is not there.' }),
    );
  });
});

describe('planOperation through several states', () => {
  const instance = (host: string, v: number) =>
    resource(`instance/${host}`, { ...onHost(host), attributes: { v } });
  const node = resource('node/n1', { dependencies: ['instance/h1', 'instance/h2'] });
  const before = asStored([instance('h1', 1), instance('h2', 1), node]);

  it('makes a plan of each, so that a rolling change is one after the other', () => {
    const desired = [
      [instance('h1', 1), instance('h2', 2), node],
      [instance('h1', 2), instance('h2', 2), node],
    ];
    expect(words(planOperation({ current: before, desired }))).toEqual([
      [['update instance/h2 (has_diff)'], ['update node/n1 (dependency_updated)']],
      [['update instance/h1 (has_diff)'], ['update node/n1 (dependency_updated)']],
    ]);
  });

  it('updates a dependent that the earlier states left out once, in the state that has it', () => {
    const desired = [[instance('h2', 2)], [instance('h1', 1), instance('h2', 2), node]];
    expect(words(planOperation({ current: before, desired }))).toEqual([
      [['update instance/h2 (has_diff)']],
      [['update node/n1 (dependency_updated)']],
    ]);
  });

  it('does not update a dependent again for a change that it has followed', () => {
    const aside = (v: number) => resource('aside/x', { attributes: { v } });
    const desired = [1, 2].map((v) => [instance('h1', 2), instance('h2', 1), node, aside(v)]);
    expect(words(planOperation({ current: [...before, stored('aside/x')], desired })).slice(1)).toEqual([
      [['update aside/x (has_diff)']],
    ]);
  });

  it('takes what is there for there, in a state before the last that leaves it out', () => {
    const desired = [[{ ...node, attributes: { v: 1 } }], [instance('h1', 1), instance('h2', 1), node]];
    expect(words(planOperation({ current: before, desired }))).toEqual([
      [['update node/n1 (has_diff)']],
      [['update node/n1 (has_diff)']],
    ]);
  });

  it('drops empty plans, and deletes and forces in the last state only', () => {
    const one = [instance('h1', 1), { ...node, dependencies: ['instance/h1' as const] }];
    const desired = [[instance('h1', 1), instance('h2', 1), node], one, one];
    expect(words(planOperation({ current: before, desired, force: true }))).toEqual([
      [
        ['update instance/h1 (force_update)'],
        ['update node/n1 (force_update)'],
        ['delete instance/h2 (not_desired)'],
      ],
    ]);
  });

  it('leaves alone what will be deleted at the end', () => {
    const troubled = before.map((item) => ({ ...item, error: 'no' }));
    const desired = [[instance('h1', 1), instance('h2', 2), node], []];
    expect(words(planOperation({ current: troubled, desired }))).toEqual([
      [
        ['delete node/n1 (not_desired)'],
        ['delete instance/h1 (not_desired)', 'delete instance/h2 (not_desired)'],
      ],
    ]);
  });

  it('says what each event starts from, which is where the one before ends', () => {
    const desired = [[instance('h1', 2)], [instance('h1', 3)]];
    const events = planOperation({ current: asStored([instance('h1', 1)]), desired }).plans.flat(2);
    expect(events.map(({ previous }) => previous?.attributes)).toEqual([{ v: 1 }, { v: 2 }]);
  });

  it('stores anew what the last state says, also after an event of an earlier one', () => {
    const desired = [
      [instance('h1', 1), { ...node, dependencies: ['instance/h1' as const], attributes: { v: 1 } }],
      [instance('h1', 1), instance('h2', 1), { ...node, attributes: { v: 1 } }],
    ];
    const operation = planOperation({ current: before, desired });
    expect(keys(operation.restated)).toEqual(['node/n1']);
    const { state } = run(operation, before);
    expect(planOperation({ current: state, desired: desired.slice(-1) }).restated).toEqual([]);
  });

  it('plans nothing for no state at all', () => {
    expect(planOperation({ current: before, desired: [] }).plans).toEqual([]);
  });
});
