import { describe, expect, test } from 'vitest';
import type { Plan } from '../../src/plan/plan.ts';
import { endedDatabase, endedTask, failedInstances, finalizedInstances } from '../../src/records/outcome.ts';
import {
  hasInstanceEvent,
  plannedInstanceRecords,
  plannedInstanceStates,
} from '../../src/records/planned.ts';
import { database, draft, event, instance, LATER, NOW, planOf, task } from './fixtures.ts';

const IDS = ['shop.n1.host-1', 'shop.n1.host-2', 'shop.n1.host-3'];

describe('the planned state of an instance', () => {
  const [id = ''] = IDS;
  test.each([
    ['a create makes it creating', [planOf(event('create', 'instance', id))], 'creating'],
    ['an update makes it modifying', [planOf(event('update', 'instance', id))], 'modifying'],
    ['a delete makes it deleting', [planOf(event('delete', 'instance', id))], 'deleting'],
    [
      'other resources write nothing',
      [planOf(event('create', 'unit', id), event('delete', 'directory', id))],
      undefined,
    ],
    [
      'delete beats create beats update, over all plans, whatever their order',
      [
        planOf(event('update', 'instance', id)),
        planOf(event('delete', 'instance', id)),
        planOf(event('create', 'instance', id)),
      ],
      'deleting',
    ],
    [
      'create beats a later update',
      [planOf(event('create', 'instance', id)), planOf(event('update', 'instance', id))],
      'creating',
    ],
  ] as const)('%s', (_, plans: readonly Plan[], state) => {
    expect(plannedInstanceStates(plans, 'instance').get(id)).toBe(state);
    expect(hasInstanceEvent(plans, 'instance')).toBe(state !== undefined);
  });

  test('is looked for no further than the first event of an instance', () => {
    const seen: string[] = [];
    const watched = (type: string): Plan => [
      [
        new Proxy(event('create', type, id), {
          get: (target, name) => {
            seen.push(type);
            return Reflect.get(target, name) as unknown;
          },
        }),
      ],
    ];
    expect(hasInstanceEvent([watched('unit'), watched('instance'), watched('later')], 'instance')).toBe(true);
    expect(seen).toEqual(['unit', 'instance']);
  });

  test('goes into one record each, all with the same time, on what the draft says and the record said', () => {
    const states = plannedInstanceStates(
      [
        planOf(
          ...IDS.map((each, index) =>
            event((['update', 'create', 'delete'] as const)[index] ?? 'update', 'instance', each),
          ),
        ),
      ],
      'instance',
    );
    const [one = '', two = '', three = ''] = IDS;
    const current = [
      {
        ...instance(one, { state: 'failed', error: 'before', created_at: '2020-01-01T00:00:00.000Z' }),
        extra: 1,
      },
      instance(three),
    ];
    const records = plannedInstanceRecords({
      states,
      current,
      drafts: [{ ...draft(one), running: false }, draft(two)],
      now: LATER,
    });
    expect(records).toEqual([
      {
        ...instance(one, {
          state: 'modifying',
          running: false,
          created_at: '2020-01-01T00:00:00.000Z',
          updated_at: LATER,
        }),
        extra: 1,
      },
      instance(two, { state: 'creating', created_at: LATER, updated_at: LATER }),
      instance(three, { state: 'deleting', updated_at: LATER }),
    ]);
  });

  test('writes no record for an instance that is deleted after its record was lost', () => {
    expect(
      plannedInstanceRecords({
        states: new Map([[IDS[0] ?? '', 'deleting']]),
        current: [],
        drafts: [],
        now: NOW,
      }),
    ).toEqual([]);
  });
});

describe('the outcome of an operation', () => {
  const failure = {
    outcome: 'failed',
    reason: 'phase 2 failed: no space',
    reached: new Map([['shop.n1.host-1', 'no space']]),
  } as const;

  test.each([
    ['succeeded', 'available', 'completed', null, LATER],
    [failure, 'failed', 'failed', failure.reason, LATER],
    [{ ...failure, outcome: 'canceled' }, 'failed', 'canceled', failure.reason, LATER],
    [{ ...failure, outcome: 'unknown' }, 'failed', 'unknown', failure.reason, null],
  ] as const)(
    '%j makes the database %s and the task %s',
    (end, databaseState, taskState, error, finished) => {
      expect(endedDatabase(database('shop', { state: 'creating', error: 'x' }), end, LATER)).toEqual(
        database('shop', { state: databaseState, error, updated_at: LATER }),
      );
      expect(endedTask(task('t1'), end, LATER)).toEqual(
        task('t1', { state: taskState, error, finished_at: finished }),
      );
    },
  );

  test('that failed fails the instances it left in progress, with the reason, and no others', () => {
    const [one = '', two = '', three = ''] = IDS;
    const records = [
      instance(one, { state: 'creating' }),
      instance(two, { state: 'creating' }),
      instance(three, { state: 'available' }),
      instance('shop.n1.host-4', { state: 'modifying' }),
    ];
    expect(failedInstances({ records, marked: new Set(IDS), failure, now: LATER })).toEqual([
      instance(one, { state: 'failed', error: 'no space', updated_at: LATER }),
      instance(two, { state: 'failed', error: 'not reached: phase 2 failed: no space', updated_at: LATER }),
    ]);
  });

  test('that succeeded leaves nothing in progress and removes what is no longer wanted', () => {
    const [one = '', two = '', three = ''] = IDS;
    const { settled, removed } = finalizedInstances({
      records: [
        instance(one, { state: 'available' }),
        instance(two, { state: 'modifying', running: false }),
        instance(three, { state: 'deleting' }),
      ],
      wanted: new Set([one, two]),
      now: LATER,
    });
    expect(settled).toEqual([instance(two, { state: 'stopped', running: false, updated_at: LATER })]);
    expect(removed.map((record) => record.instance_id)).toEqual([three]);
  });
});
