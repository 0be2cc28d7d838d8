import { describe, expect, it } from 'vitest';
import {
  type LiveCluster,
  liveDatabaseState,
  liveInstance,
  type LiveInstance,
} from '../../src/records/live.ts';
import type { DatabaseState, InstanceState } from '../../src/records/states.ts';
import type { InstanceRecord, InstanceStatusRecord } from '../../src/records/types.ts';
import { cluster, database, instanceOn, member, NOW, primary } from './fixtures.ts';

const shown = (
  record: InstanceRecord,
  live: LiveCluster | null,
  status: InstanceStatusRecord | null = null,
): LiveInstance => liveInstance(record, status, live);

const A = instanceOn('a');
const B = instanceOn('b');

describe('an instance is shown', () => {
  it.each<[title: string, record: InstanceRecord, live: LiveCluster | null, expected: Partial<LiveInstance>]>(
    [
      ['unknown where Patroni has no key at all', A, null, { state: 'unknown', role: null, lagBytes: null }],
      ['unknown where its own key is missing', A, cluster([primary('b')]), { state: 'unknown', role: null }],
      [
        'as the primary where it holds the leader key',
        A,
        cluster([primary('a', { timeline: 3 })]),
        { state: 'available', role: 'primary', lagBytes: 0, timeline: 3 },
      ],
      [
        'as a replica where it was the primary and lost the leader key',
        A,
        cluster([primary('a'), member('b')], { leader: 'b' }),
        { role: 'replica' },
      ],
      [
        'as a replica while it is being promoted',
        A,
        cluster([member('a', { state: 'running' })], { leader: 'a' }),
        { role: 'replica' },
      ],
      [
        'with how far it is behind',
        B,
        cluster([primary('a'), member('b', { xlogLocation: 400n })]),
        { state: 'available', role: 'replica', lagBytes: 600 },
      ],
      [
        'never ahead of the primary, whose position is published less often',
        B,
        cluster([primary('a'), member('b', { xlogLocation: 1200n })]),
        { lagBytes: 0 },
      ],
      [
        'without a lag it did not publish',
        B,
        cluster([primary('a'), member('b', { xlogLocation: null })]),
        { lagBytes: null },
      ],
      [
        'without a lag behind a primary nobody knows the position of',
        B,
        cluster([primary('a'), member('b')], { leaderOptime: null }),
        { lagBytes: null },
      ],
      [
        'with lags past what 32 bits hold',
        B,
        cluster([primary('a'), member('b', { xlogLocation: 0n })], { leaderOptime: 1n << 40n }),
        { lagBytes: 2 ** 40 },
      ],
      [
        'with a restart that is pending',
        B,
        cluster([member('b', { pendingRestart: true })]),
        { pendingRestart: true },
      ],
    ],
  )('%s', (_title, record, live, expected) => {
    expect(shown(record, live)).toMatchObject(expected);
  });

  it.each<[patroni: string | null, state: InstanceState, role: string | null]>([
    ['running', 'available', 'replica'],
    ['streaming', 'available', 'replica'],
    ['in archive recovery', 'available', 'replica'],
    ['starting', 'degraded', null],
    ['restarting', 'degraded', null],
    ['stopping', 'degraded', null],
    ['stopped', 'degraded', null],
    ['crashed', 'degraded', null],
    ['start failed', 'degraded', null],
    ['restart failed', 'degraded', null],
    ['stop failed', 'degraded', null],
    ['creating replica', 'degraded', null],
    ['a word of a later Patroni', 'degraded', null],
    [null, 'degraded', null],
  ])('that Patroni calls %s as %s', (patroni, state, role) => {
    const live = shown(B, cluster([primary('a'), member('b', { state: patroni })]));
    expect([live.state, live.role]).toEqual([state, role]);
    // One that does not serve has no lag either.
    expect(live.lagBytes === null).toBe(role === null);
  });

  it.each<InstanceState>(['creating', 'modifying', 'deleting', 'backing_up', 'failed', 'stopped'])(
    'as its record says while that is %s, whatever Patroni says',
    (state) => {
      const record = instanceOn('b', { state });
      const lives = [null, cluster([member('b')]), cluster([member('b', { state: 'crashed' })])];
      expect(lives.map((live) => shown(record, live).state)).toEqual([state, state, state]);
    },
  );

  it('with the restart that an operation last saw pending, where Patroni says nothing', () => {
    const status: InstanceStatusRecord = {
      instance_id: B.instance_id,
      server_version: '17.5',
      pending_restart: true,
      pending_restart_reason: null,
      started_at: null,
      observed_at: NOW,
    };
    expect(shown(B, null, status).pendingRestart).toBe(true);
    expect(shown(B, null).pendingRestart).toBe(false);
    // Patroni knows better.
    expect(shown(B, cluster([member('b')]), status).pendingRestart).toBe(false);
  });
});

describe('a database is shown', () => {
  const state = (
    live: LiveCluster | null,
    records: readonly InstanceRecord[],
    stored: DatabaseState = 'available',
  ) =>
    liveDatabaseState(
      database({ state: stored }),
      records.map((record) => ({ record, live: shown(record, live) })),
    );
  const healthy = cluster([primary('a'), member('b')]);

  it.each<[title: string, live: LiveCluster | null, records: InstanceRecord[], expected: DatabaseState]>([
    ['available where all of it runs', healthy, [A, B], 'available'],
    ['degraded where a member is missing', cluster([primary('a')]), [A, B], 'degraded'],
    [
      'degraded where a member crashed',
      cluster([primary('a'), member('b', { state: 'crashed' })]),
      [A, B],
      'degraded',
    ],
    ['degraded without a primary', cluster([member('a'), member('b')]), [A, B], 'degraded'],
    ['degraded where Patroni has no key', null, [A, B], 'degraded'],
    ['degraded where one instance failed', healthy, [A, instanceOn('b', { state: 'failed' })], 'degraded'],
    [
      'available where an instance is stopped on request',
      cluster([primary('a')]),
      [A, instanceOn('b', { state: 'stopped', running: false })],
      'available',
    ],
    [
      'available where all of it is stopped on request',
      null,
      [A, B].map((record) => ({ ...record, state: 'stopped' as const, running: false })),
      'available',
    ],
    [
      'degraded where the primary was stopped and nobody took over',
      cluster([member('b')]),
      [instanceOn('a', { state: 'stopped', running: false }), B],
      'degraded',
    ],
    [
      'degraded where one of its nodes has no primary',
      healthy,
      [A, B, instanceOn('c', { node_name: 'n2' })],
      'degraded',
    ],
  ])('%s', (_title, live, records, expected) => {
    expect(state(live, records)).toBe(expected);
  });

  it.each<DatabaseState>(['creating', 'modifying', 'deleting', 'restoring', 'failed'])(
    'as its record says while that is %s',
    (stored) => {
      expect([state(healthy, [A, B], stored), state(null, [A, B], stored)]).toEqual([stored, stored]);
    },
  );
});
