import { expect, it } from 'vitest';
import { resourceKey, type ResourceKey, type StoredResource } from '../../src/plan/resource.ts';
import { contextAt } from '../../src/executor/lifecycle.ts';
import { resource } from '../store/fixtures.ts';

const begins = (coming: readonly string[], there: readonly string[], scope = 'shop.n1'): boolean => {
  const state = there.map((key): [ResourceKey, StoredResource] => {
    const [type = '', id = ''] = key.split('/');
    return [key as ResourceKey, resource(type, id)];
  });
  const around = {
    ...{ hosts: new Map(), secrets: new Map(), primaryOf: () => Promise.resolve(null) },
    ...{ state: new Map(state), coming: new Set(coming as ResourceKey[]) },
  };
  const node = { ...resource('node', scope), executor: { kind: 'primary' as const, node: scope } };
  expect(resourceKey(node)).toBe(`node/${scope}`);
  return contextAt({ kind: 'controller' }, node, around).nodeBegins();
};

const ALL = ['patroni_scope/shop.n1', 'instance/shop.n1.h1', 'instance/shop.n1.h2'];

it.each<[title: string, begun: boolean, coming: readonly string[], there: readonly string[]]>([
  ['a node begins with its keys and all of its instances', true, ALL, ALL],
  ['also while some are not there yet', true, ALL, ALL.slice(0, 2)],
  ['instances of others are not its own', true, ALL, [...ALL, 'instance/shop.n10.h1', 'instance/blog.n1.h1']],
  ['not where an instance was there before', false, ALL.slice(0, 2), ALL],
  ['nor where its keys were', false, ALL.slice(1), ALL],
  ['nor where nothing is made', false, [], ALL],
])('%s', (_title, begun, coming, there) => {
  expect(begins(coming, there)).toBe(begun);
});
