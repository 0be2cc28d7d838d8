import { describe, expect, it } from 'vitest';
import type { Resource } from '../../src/plan/resource.ts';
import { restate } from '../../src/plan/restate.ts';
import { resource, stored } from './fixtures.ts';

describe('restate', () => {
  const before = stored('unit/a', {
    attributes: { v: 1 },
    error: 'no',
    dependencies: ['config/a', 'scope/s'],
  });

  it.each<[string, Partial<Resource>]>([
    ['dependencies', { dependencies: ['config/b', 'scope/s'] }],
    ['fewer dependencies', { dependencies: ['config/a'] }],
    ['type dependencies', { type_dependencies: ['node'] }],
    ['pointers to ignore', { diff_ignore: ['/v'] }],
    ['version', { version: 2 }],
    ['container', { contained_in: 'directory/a' }],
  ])('takes over changed %s, and nothing else', (_title, changes) => {
    const desired = resource('unit/a', { ...before, ...changes, attributes: { v: 2 } });
    expect(restate(before, desired)).toEqual({ ...before, ...changes });
  });

  it('gives back the stored resource itself where only the attributes differ', () => {
    expect(restate(before, resource('unit/a', { ...before, attributes: { v: 2 } }))).toBe(before);
  });
});
