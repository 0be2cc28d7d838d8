import { describe, expect, it } from 'vitest';
import {
  endedDatabase,
  endedTask,
  failedInstances,
  type Failure,
  finalizedInstances,
  succeededInstance,
} from '../../src/records/outcome.ts';
import type { DatabaseState, InstanceState, TaskState } from '../../src/records/states.ts';
import { database, instanceOn, NOW, TASK } from './fixtures.ts';

const failure = (outcome: Failure['outcome'] = 'failed', reached: Record<string, string> = {}): Failure => ({
  outcome,
  reason: 'phase 2 failed: start shop.n1.b',
  reached: new Map(Object.entries(reached)),
});
const REASON = failure().reason;

describe('an instance whose event succeeded', () => {
  it.each([
    [true, 'available'],
    [false, 'stopped'],
  ])('that is wanted to run: %s, is %s, with what was seen of it', (running, state) => {
    const record = instanceOn('a', { running, state: 'creating', error: 'old', postgres_version: null });
    expect(succeededInstance(record, { postgres_version: '17.5', port: 5433 }, NOW)).toEqual(
      instanceOn('a', { running, state: state as InstanceState, port: 5433, updated_at: NOW }),
    );
  });
});

describe('the end of an operation', () => {
  it.each<
    [end: 'succeeded' | Failure['outcome'], database: DatabaseState, task: TaskState, finished: boolean]
  >([
    ['succeeded', 'available', 'completed', true],
    ['failed', 'failed', 'failed', true],
    ['canceled', 'failed', 'canceled', true],
    ['unknown', 'failed', 'unknown', false],
  ])('that %s', (end, databaseState, taskState, finished) => {
    const how = end === 'succeeded' ? end : failure(end);
    const error = end === 'succeeded' ? null : REASON;
    expect(endedDatabase(database({ state: 'creating', error: 'old' }), how, NOW)).toEqual(
      database({ state: databaseState, error, updated_at: NOW }),
    );
    expect(endedTask(TASK, how, NOW)).toEqual({
      ...TASK,
      state: taskState,
      error,
      finished_at: finished ? NOW : null,
    });
  });

  it('that succeeded removes what is no longer in the spec, and leaves nothing in progress', () => {
    const records = [
      instanceOn('a'),
      instanceOn('b', { state: 'modifying' }),
      instanceOn('c', { state: 'modifying', running: false }),
      instanceOn('d', { state: 'failed', error: 'why' }),
      instanceOn('e', { state: 'deleting' }),
    ];
    const wanted = new Set(['a', 'b', 'c', 'd'].map((host) => `shop.n1.${host}`));
    const { settled, removed } = finalizedInstances({ records, wanted, now: NOW });
    expect(settled.map(({ host_id, state }) => [host_id, state])).toEqual([
      ['b', 'available'],
      ['c', 'stopped'],
    ]);
    expect(removed.map(({ host_id }) => host_id)).toEqual(['e']);
  });

  it('that failed fails what it left in progress, and says what was never reached', () => {
    const records = [
      instanceOn('a', { state: 'available' }),
      instanceOn('b', { state: 'creating' }),
      instanceOn('c', { state: 'creating' }),
      instanceOn('d', { state: 'stopped' }),
      instanceOn('e', { state: 'deleting' }),
    ];
    // e is in progress by an earlier operation: this one did not mark it.
    const marked = new Set(['a', 'b', 'c', 'd'].map((host) => `shop.n1.${host}`));
    const reached = { 'shop.n1.b': 'start failed: exit status 1' };
    expect(failedInstances({ records, marked, failure: failure('failed', reached), now: NOW })).toEqual([
      instanceOn('b', { state: 'failed', error: 'start failed: exit status 1', updated_at: NOW }),
      instanceOn('c', { state: 'failed', error: `not reached: ${REASON}`, updated_at: NOW }),
    ]);
  });
});
