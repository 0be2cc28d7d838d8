import { describe, expect, it } from 'vitest';
import { planOperation } from '../../src/plan/plan-operation.ts';
import { planDocument, summarize } from '../../src/plan/summary.ts';
import { onHost, onPrimary, resource, stored } from './fixtures.ts';

const { plans } = planOperation({
  current: [
    stored('config/a', { ...onHost('h1'), attributes: { port: 1 } }),
    stored('role/old', onPrimary('n1')),
  ],
  desired: [
    [
      resource('config/a', { ...onHost('h1'), attributes: { port: 2, 'a/b': true } }),
      resource('unit/a', { ...onHost('h1'), dependencies: ['config/a'] }),
      resource('scope/n1'),
    ],
  ],
});

describe('planDocument', () => {
  it('is the Plan of the command-line contract', () => {
    expect(planDocument({ operation: 'update', databaseId: 'shop', plans })).toEqual({
      kind: 'Plan',
      operation: 'update',
      database_id: 'shop',
      plans: [
        [
          [
            {
              type: 'update',
              reason: 'has_diff',
              resource: { type: 'config', id: 'a' },
              host_id: 'h1',
              diff: [
                { path: '/a~1b', to: true },
                { path: '/port', from: 1, to: 2 },
              ],
            },
            {
              type: 'create',
              reason: 'does_not_exist',
              resource: { type: 'scope', id: 'n1' },
              host_id: null,
            },
          ],
          [{ type: 'create', reason: 'does_not_exist', resource: { type: 'unit', id: 'a' }, host_id: 'h1' }],
          [{ type: 'delete', reason: 'not_desired', resource: { type: 'role', id: 'old' }, host_id: null }],
        ],
      ],
      summary: { create: 2, update: 1, delete: 1 },
    });
  });

  it('holds all plans, and counts over them', () => {
    const document = planDocument({ operation: 'update', databaseId: 'shop', plans: [...plans, ...plans] });
    expect(document.plans).toHaveLength(2);
    expect(document.summary).toEqual({ create: 4, update: 2, delete: 2 });
  });

  it('says whether the database record changes, where that was asked', () => {
    const description = { operation: 'update', databaseId: 'shop', plans: [] };
    expect(planDocument({ ...description, context: { database_changed: true } })).toHaveProperty(
      'database_changed',
      true,
    );
    expect(planDocument(description)).not.toHaveProperty('database_changed');
  });
});

describe('summarize', () => {
  it('counts over all plans', () => {
    expect(summarize([...plans, ...plans])).toEqual({ create: 4, update: 2, delete: 2 });
    expect(summarize([])).toEqual({ create: 0, update: 0, delete: 0 });
  });
});
