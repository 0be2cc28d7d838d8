import { describe, expect, it } from 'vitest';
import type { EventType, Plan, Reason } from '../../src/plan/plan.ts';
import { type RefreshResult, applyRefresh, assertReachable, planRefresh } from '../../src/plan/refresh.ts';
import type { Resource, ResourceKey, StoredResource } from '../../src/plan/resource.ts';
import { keys, onHost, onPrimary, resource, stored } from './fixtures.ts';

describe('planRefresh', () => {
  it('looks in creation order, whatever is missing', () => {
    const current = [
      stored('unit/a', { dependencies: ['config/a', 'gone/a'] }),
      stored('config/a', { needs_recreate: true }),
    ];
    expect(planRefresh(current).map(keys)).toEqual([['config/a'], ['unit/a']]);
  });
});

describe('applyRefresh', () => {
  const clean = stored('unit/a');
  const troubled = stored('unit/a', { needs_recreate: true, error: 'no' });
  it.each<[string, StoredResource, RefreshResult | null, StoredResource]>([
    ['keeps what is found', clean, { kind: 'found' }, clean],
    ['keeps earlier trouble of what is found', troubled, { kind: 'found' }, troubled],
    ['marks what is not found', clean, { kind: 'not_found' }, { ...clean, needs_recreate: true }],
    ['keeps the error of what is not found', { ...clean, error: 'no' }, { kind: 'not_found' }, troubled],
    [
      'keeps the last known of what cannot be reached',
      clean,
      { kind: 'unreachable', host: 'h1', why: 'h1: no route' },
      clean,
    ],
    ['keeps what was not looked at', troubled, null, troubled],
  ])('%s', (_title, before, result, after) => {
    const results = new Map<ResourceKey, RefreshResult>(result === null ? [] : [['unit/a', result]]);
    expect(applyRefresh([before], results).state).toEqual([after]);
  });

  it('remembers the hosts that did not answer, and why', () => {
    const results = new Map<ResourceKey, RefreshResult>([
      ['unit/a', { kind: 'unreachable', host: 'h1', why: 'h1: no route' }],
      ['role/a', { kind: 'unreachable', host: null, why: '' }],
    ]);
    expect(applyRefresh([stored('unit/a'), stored('role/a')], results).unreachableHosts).toEqual(
      new Map([['h1', 'h1: no route']]),
    );
  });

  it('fails where looking failed, with every resource and why', () => {
    const results = new Map<ResourceKey, RefreshResult>([
      ['b/x', { kind: 'failed', error: 'permission denied' }],
      ['a/x', { kind: 'failed', error: 'no psql' }],
    ]);
    expect(() => applyRefresh([stored('b/x'), stored('a/x')], results)).toThrowError(
      expect.objectContaining({
        code: 'operation_failed',
        message: 'Looking at what is there failed: a/x: no psql',
        details: ['a/x: no psql', 'b/x: permission denied'],
      }),
    );
  });
});

describe('assertReachable', () => {
  const plan = (what: Resource, type: EventType = 'update', reason: Reason = 'has_diff'): Plan[] => [
    [[{ type, reason, resource: what, previous: null }]],
  ];
  const down = new Map([
    ['h1', 'h1: no route'],
    ['h3', 'h3: sudo: a password is required'],
  ]);

  it.each<[string, Plan[]]>([
    ['no event is planned on them', plan(resource('unit/a', onHost('h2')))],
    ['the event looks its primary up when it runs', plan(resource('role/a', onPrimary('n1')))],
    ['the event is on the controller', plan(resource('scope/a'))],
    [
      'what is to be deleted goes with its container',
      plan(resource('unit/a', onHost('h1')), 'delete', 'container_deleted'),
    ],
  ])('is content with unreachable hosts where %s', (_title, plans) => {
    expect(() => {
      assertReachable(plans, down);
    }).not.toThrow();
  });

  it('fails with the reasons and the way out where an event is planned on them', () => {
    const plans = [
      ...plan(resource('unit/c', onHost('h3'))),
      ...plan(resource('unit/a', onHost('h1')), 'delete'),
    ];
    expect(() => {
      assertReachable(plans, down);
    }).toThrowError(
      expect.objectContaining({
        code: 'host_unreachable',
        exitCode: 6,
        message: 'h1, h3 do not answer, and the plan needs them.',
        details: ['h1: no route (1 planned events)', 'h3: sudo: a password is required (1 planned events)'],
        hint: expect.stringContaining('pgctl recover --remove-host h1 --remove-host h3') as string,
      }),
    );
  });
});
