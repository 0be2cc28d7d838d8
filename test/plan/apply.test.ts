import { describe, expect, it } from 'vitest';
import { OWED, type ResourceWrite, applyOutcome, owedUpdates } from '../../src/plan/apply.ts';
import { byKey } from '../../src/plan/graph.ts';
import type { EventOutcome, EventType } from '../../src/plan/plan.ts';
import { planOperation } from '../../src/plan/plan-operation.ts';
import { resource, run, stored, words } from './fixtures.ts';

const wanted = resource('unit/a', { attributes: { v: 2 } });
const known = stored('unit/a', { attributes: { v: 1 } });
const good = stored('unit/a', { attributes: { v: 2 } });
const failed = { kind: 'failed', error: 'no' } as const;
const unknown = { kind: 'unknown', error: 'connection lost' } as const;

describe('applyOutcome', () => {
  it.each<[string, EventType, EventOutcome, ResourceWrite | null]>([
    ['a create that is done', 'create', { kind: 'ok' }, { kind: 'put', resource: good }],
    ['an update that is done', 'update', { kind: 'ok' }, { kind: 'put', resource: good }],
    ['a delete that is done', 'delete', { kind: 'ok' }, { kind: 'delete', key: 'unit/a' }],
    [
      'a failed create',
      'create',
      failed,
      { kind: 'put', resource: { ...good, needs_recreate: true, error: 'no' } },
    ],
    ['a failed update', 'update', failed, { kind: 'put', resource: { ...known, error: 'no' } }],
    ['a failed delete', 'delete', failed, null],
    [
      'a create of unknown outcome',
      'create',
      unknown,
      {
        kind: 'put',
        resource: { ...good, needs_recreate: true, error: 'outcome unknown: connection lost' },
      },
    ],
    [
      'an update of unknown outcome',
      'update',
      unknown,
      { kind: 'put', resource: { ...known, error: 'outcome unknown: connection lost' } },
    ],
    ['a delete of unknown outcome', 'delete', unknown, null],
  ])('stores %s', (_title, type, outcome, expected) => {
    const event = { type, reason: 'has_diff', resource: wanted, previous: known } as const;
    expect(applyOutcome(byKey([known]), event, outcome)).toEqual(expected);
  });

  it('clears earlier trouble when the event succeeds', () => {
    const troubled = { ...known, needs_recreate: true, error: 'no' };
    const event = { type: 'create', reason: 'needs_recreate', resource: wanted, previous: troubled } as const;
    expect(applyOutcome(byKey([troubled]), event, { kind: 'ok' })).toEqual({ kind: 'put', resource: good });
  });
});

describe('owedUpdates', () => {
  const config = (v: number) => resource('config/a', { attributes: { v } });
  const unit = resource('unit/a', { dependencies: ['config/a'] });
  const current = [
    stored('config/a', { attributes: { v: 1 } }),
    stored('unit/a', { dependencies: ['config/a'] }),
  ];
  const operation = planOperation({ current, desired: [[config(2), unit]] });

  it('marks what is updated only because of something else', () => {
    expect(owedUpdates(byKey(current), operation.plans)).toEqual([
      stored('unit/a', { dependencies: ['config/a'], error: OWED }),
    ]);
  });

  it('leaves earlier trouble as it is', () => {
    const troubled = current.map((item) => ({ ...item, error: 'no' }));
    expect(owedUpdates(byKey(troubled), operation.plans)).toEqual([]);
  });

  it('keeps a reload from being lost when the operation dies between the change and the reload', () => {
    const { state } = run(operation, current, { crashAfter: 1 });
    expect(words(planOperation({ current: state, desired: [[config(2), unit]] }))).toEqual([
      [['update unit/a (has_error)']],
    ]);
  });

  it('is settled by the update', () => {
    const { state } = run(operation, current);
    expect(planOperation({ current: state, desired: [[config(2), unit]] }).plans).toEqual([]);
  });
});
