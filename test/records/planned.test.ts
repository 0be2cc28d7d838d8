import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/plan/plan.ts';
import {
  hasInstanceEvent,
  plannedInstanceRecords,
  plannedInstanceStates,
} from '../../src/records/planned.ts';
import type { InstanceState } from '../../src/records/states.ts';
import { instanceOn, NOW, plan, THEN } from './fixtures.ts';

const [A, B] = ['instance/shop.n1.a', 'instance/shop.n1.b'];

describe('the states that an operation plans', () => {
  it.each<[title: string, plans: Plan[], states: Record<string, InstanceState>]>([
    ['nothing for no plan', [], {}],
    ['nothing for events of other resources', [plan(['create directory/shop.n1.a', 'delete role/x'])], {}],
    ['creating for a create', [plan([`create ${A}`])], { 'shop.n1.a': 'creating' }],
    ['modifying for an update', [plan([`update ${A}`])], { 'shop.n1.a': 'modifying' }],
    ['deleting for a delete', [plan([`delete ${A}`])], { 'shop.n1.a': 'deleting' }],
    [
      'each instance’s own',
      [plan([`create ${A}`], [`delete ${B}`])],
      { 'shop.n1.a': 'creating', 'shop.n1.b': 'deleting' },
    ],
    [
      'a create before an update, in whichever order they come',
      [plan([`update ${A}`, `create ${B}`]), plan([`create ${A}`, `update ${B}`])],
      { 'shop.n1.a': 'creating', 'shop.n1.b': 'creating' },
    ],
    [
      'a delete before both',
      [plan([`create ${A}`]), plan([`delete ${A}`]), plan([`update ${A}`])],
      { 'shop.n1.a': 'deleting' },
    ],
    [
      'those of all plans, not of the first only',
      [plan([`update ${A}`]), plan([`update ${B}`])],
      { 'shop.n1.a': 'modifying', 'shop.n1.b': 'modifying' },
    ],
  ])('%s', (_title, plans, states) => {
    expect(Object.fromEntries(plannedInstanceStates(plans, 'instance'))).toEqual(states);
    expect(hasInstanceEvent(plans, 'instance')).toBe(Object.keys(states).length > 0);
  });

  it('are looked for no further than the first', () => {
    const trap = new Proxy(plan([`create ${B}`]), {
      get: () => {
        throw new Error('looked further');
      },
    });
    expect(hasInstanceEvent([plan([`create ${A}`]), trap], 'instance')).toBe(true);
  });
});

describe('the records that an operation plans', () => {
  const states = new Map<string, InstanceState>([['shop.n1.a', 'modifying']]);
  const {
    state: _state,
    error: _error,
    created_at: _created,
    updated_at: _updated,
    ...draft
  } = instanceOn('a', {
    port: 6000,
    running: false,
  });

  it('of an instance that is there keep what it was, without its error', () => {
    const current = [instanceOn('a', { state: 'failed', error: 'phase 2 failed' }), instanceOn('b')];
    expect(plannedInstanceRecords({ states, current, drafts: [], now: NOW })).toEqual([
      instanceOn('a', { state: 'modifying', error: null, updated_at: NOW }),
    ]);
  });

  it('of a new instance come from its draft', () => {
    expect(plannedInstanceRecords({ states, current: [], drafts: [draft], now: NOW })).toEqual([
      { ...draft, state: 'modifying', error: null, created_at: NOW, updated_at: NOW },
    ]);
  });

  it('take from a draft what it says anew', () => {
    expect(plannedInstanceRecords({ states, current: [instanceOn('a')], drafts: [draft], now: NOW })).toEqual(
      [{ ...draft, state: 'modifying', error: null, created_at: THEN, updated_at: NOW }],
    );
  });

  it('are none for an instance that has neither', () => {
    expect(plannedInstanceRecords({ states, current: [], drafts: [], now: NOW })).toEqual([]);
  });
});
