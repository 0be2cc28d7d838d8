import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LayerOptions, keyed, layersOf as layersOfKeyed } from '../../src/plan/graph.ts';
import { type Resource, resourceKey } from '../../src/plan/resource.ts';
import { keys, resource } from './fixtures.ts';
import { desiredState, naiveDepths, shuffled } from './random-graphs.ts';

const layersOf = (resources: readonly Resource[], options: LayerOptions) =>
  layersOfKeyed(keyed(resources), options).map((layer) => layer.map((item) => item.resource));
const refuse = (resources: readonly Resource[]) => () => layersOf(resources, { missing: 'refuse' });

describe('layersOf', () => {
  it('puts a resource right after the last of what it depends on', () => {
    const layers = layersOf(
      [
        resource('instance/a', { dependencies: ['unit/a', 'scope/s'] }),
        resource('unit/a', { dependencies: ['config/a'] }),
        resource('config/a'),
        resource('scope/s'),
      ],
      { missing: 'refuse' },
    );
    expect(layers.map(keys)).toEqual([['config/a', 'scope/s'], ['unit/a'], ['instance/a']]);
  });

  it('sorts a layer by type, then id, by code units', () => {
    const given = ['b/10', 'b/9', 'a-b/x', 'a/ä', 'a/Z', 'a/a', 'B/x'] as const;
    const [layer = []] = layersOf(
      given.map((key) => resource(key)),
      { missing: 'refuse' },
    );
    expect(keys(layer)).toEqual(['B/x', 'a/Z', 'a/a', 'a/ä', 'a-b/x', 'b/10', 'b/9']);
  });

  it('puts a resource after every resource of a type it depends on, and not a layer later', () => {
    const layers = layersOf(
      [
        resource('role/r', { type_dependencies: ['node'] }),
        resource('node/n2', { dependencies: ['instance/i'] }),
        resource('node/n1'),
        resource('instance/i'),
      ],
      { missing: 'refuse' },
    );
    expect(layers.map(keys)).toEqual([['instance/i', 'node/n1'], ['node/n2'], ['role/r']]);
  });

  it('takes a type of which there is none for nothing to wait for', () => {
    const layers = layersOf([resource('role/r', { type_dependencies: ['node'] })], { missing: 'refuse' });
    expect(layers.map(keys)).toEqual([['role/r']]);
  });

  it.each<[string, Resource[], string]>([
    [
      'names a cycle, from its first resource on',
      [
        resource('unit/a', { dependencies: ['config/a'] }),
        resource('config/a', { dependencies: ['unit/a'] }),
        resource('aside/x', { dependencies: ['unit/a'] }),
      ],
      'Resources depend on one another in a circle: config/a → unit/a → config/a.',
    ],
    [
      'names a cycle through a type without its barrier',
      [
        resource('a/x', { dependencies: ['b/x'] }),
        resource('b/x', { type_dependencies: ['c'] }),
        resource('c/x', { dependencies: ['a/x'] }),
        resource('c/y'),
      ],
      'Resources depend on one another in a circle: a/x → b/x → c/x → a/x.',
    ],
    [
      'refuses a resource that depends on itself',
      [resource('a/x', { dependencies: ['a/x'] })],
      'a/x depends on itself.',
    ],
    [
      'refuses a resource that depends on its own type',
      [resource('a/x', { type_dependencies: ['a'] })],
      'a/x depends on its own type.',
    ],
    ['refuses two resources of one key', [resource('a/x'), resource('a/x')], 'a/x is there twice.'],
    [
      'says who needs what is missing, all of it',
      [resource('a/x', { dependencies: ['b/y', 'b/z'] })],
      'a/x needs b/y, which is not there, and 1 more.',
    ],
  ])('%s', (_title, resources, message) => {
    expect(refuse(resources)).toThrowError(expect.objectContaining({ code: 'unplannable', message }));
  });

  it('lists everything that is wrong in the details', () => {
    expect(refuse([resource('a/x', { dependencies: ['b/y', 'a/x'] })])).toThrowError(
      expect.objectContaining({ details: ['a/x depends on itself', 'a/x needs b/y, which is not there'] }),
    );
  });

  it('ignores what is missing where that is asked for, and what is known to be elsewhere', () => {
    const resources = [resource('a/x', { dependencies: ['b/y'] })];
    expect(layersOf(resources, { missing: 'ignore' }).map(keys)).toEqual([['a/x']]);
    const elsewhere = new Set(['b/y' as const]);
    expect(layersOf(resources, { missing: 'refuse', elsewhere }).map(keys)).toEqual([['a/x']]);
  });

  it('gives the layers of the direct edges, for any graph in any order', () => {
    fc.assert(
      fc.property(
        desiredState.chain((state) => shuffled(state)),
        (state) => {
          const layers = layersOf(state, { missing: 'refuse' });
          const depths = naiveDepths(state);
          const got = layers.flatMap((layer, depth) => layer.map((item) => [resourceKey(item), depth]));
          expect(Object.fromEntries(got)).toEqual(Object.fromEntries(depths));
          expect(got).toHaveLength(state.length);
        },
      ),
    );
  });

  it('does not make an edge of each pair that a type dependency stands for', () => {
    const many = 20_000;
    const resources = Array.from({ length: many }, (_, index) => [
      resource(`a/${String(index)}`),
      resource(`b/${String(index)}`, { type_dependencies: ['a'] }),
    ]).flat();
    // As direct edges these are 400 million, which neither time nor memory would allow.
    expect(layersOf(resources, { missing: 'refuse' }).map((layer) => layer.length)).toEqual([many, many]);
  });
});
