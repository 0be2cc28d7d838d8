import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/json.ts';
import { diffAttributes } from '../../src/plan/diff.ts';
import type { Difference } from '../../src/plan/plan.ts';

describe('diffAttributes', () => {
  it.each<[string, JsonObject, JsonObject, Difference[]]>([
    ['finds nothing in equal values', { a: { b: [1, null] } }, { a: { b: [1, null] } }, []],
    ['does not mind the order of keys', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ['tells a change', { port: 5432 }, { port: 5433 }, [{ path: '/port', from: 5432, to: 5433 }]],
    ['tells an addition without a from', {}, { a: null }, [{ path: '/a', to: null }]],
    ['tells a removal without a to', { a: { b: 1 } }, {}, [{ path: '/a', from: { b: 1 } }]],
    [
      'goes into objects and arrays',
      { a: [{ x: 1 }, 2] },
      { a: [{ x: 3 }, 2, 4] },
      [
        { path: '/a/0/x', from: 1, to: 3 },
        { path: '/a/2', to: 4 },
      ],
    ],
    ['takes an array and an object for different', { a: [] }, { a: {} }, [{ path: '/a', from: [], to: {} }]],
    ['takes null and an object for different', { a: null }, { a: {} }, [{ path: '/a', from: null, to: {} }]],
    ['takes 1 and "1" for different', { a: 1 }, { a: '1' }, [{ path: '/a', from: 1, to: '1' }]],
    ['escapes ~ and / in keys', { 'a/b~c': 1 }, { 'a/b~c': 2 }, [{ path: '/a~1b~0c', from: 1, to: 2 }]],
    ['knows keys that every object inherits', {}, { constructor: 1 }, [{ path: '/constructor', to: 1 }]],
    [
      'is ordered by code units and array position',
      { b: 1, a: 1, Z: 1 },
      { b: 2, a: 2, Z: 2 },
      [
        { path: '/Z', from: 1, to: 2 },
        { path: '/a', from: 1, to: 2 },
        { path: '/b', from: 1, to: 2 },
      ],
    ],
  ])('%s', (_title, from, to, expected) => {
    expect(diffAttributes(from, to)).toEqual(expected);
  });

  it.each<[string, readonly string[], string[]]>([
    ['a value', ['/a/b'], ['/ab', '/c~1d/0']],
    ['a subtree, and not a key that starts the same', ['/a'], ['/ab', '/c~1d/0']],
    ['an element of an array, by its escaped pointer', ['/c~1d/0'], ['/a/b', '/ab']],
    ['everything', [''], []],
    ['nothing, by a pointer that leads nowhere', ['/a/b/c', '/x'], ['/a/b', '/ab', '/c~1d/0']],
  ])('ignores %s', (_title, ignore, expected) => {
    const from = { a: { b: 1 }, ab: 1, 'c/d': [1] };
    const to = { a: { b: 2 }, ab: 2, 'c/d': [2] };
    expect(diffAttributes(from, to, ignore).map(({ path }) => path)).toEqual(expected);
  });

  it('finds nothing exactly where values are equal, and points at what it says', () => {
    const value = fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<JsonObject>;
    fc.assert(
      fc.property(value, value, (from, to) => {
        const plain = (json: unknown) => JSON.parse(JSON.stringify(json)) as JsonObject;
        const [a, b] = [plain(from), plain(to)];
        expect(diffAttributes(a, plain(a))).toEqual([]);
        for (const difference of diffAttributes(a, b)) {
          expect(at(a, difference.path)).toEqual(difference.from);
          expect(at(b, difference.path)).toEqual(difference.to);
        }
      }),
    );
  });
});

function at(root: unknown, pointer: string): unknown {
  const tokens = pointer.split('/').slice(1);
  return tokens.reduce<unknown>((value, token) => {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    return (value as Record<string, unknown>)[key];
  }, root);
}
