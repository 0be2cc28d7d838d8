import fc from 'fast-check';
import type { JsonObject } from '../../src/json.ts';
import { byKey } from '../../src/plan/graph.ts';
import {
  type Resource,
  type ResourceKey,
  type StoredResource,
  resourceKey,
} from '../../src/plan/resource.ts';
import { resource } from './fixtures.ts';

// Types in an order that is neither the alphabet's nor a dependency's alone, so that sorting cannot pass for it.
const TYPES = ['unit', 'config', 'node', 'alpha', 'role'];
const SLOTS = 14;

interface Slot {
  readonly there: boolean;
  readonly value: number;
  readonly ignored: number;
  readonly needs: readonly number[];
  readonly needsTypes: readonly number[];
}

const slot: fc.Arbitrary<Slot> = fc.record({
  there: fc.boolean(),
  value: fc.integer({ min: 0, max: 1 }),
  ignored: fc.integer({ min: 0, max: 1 }),
  needs: fc.array(fc.nat(SLOTS - 1), { maxLength: 3 }),
  needsTypes: fc.array(fc.nat(TYPES.length - 1), { maxLength: 1 }),
});

const typeOf = (place: number) => Math.floor((place * TYPES.length) / SLOTS);
const keyOf = (place: number): ResourceKey =>
  `${TYPES[typeOf(place)] ?? ''}/r${String((place * 5) % SLOTS).padStart(2, '0')}`;

/**
 * A desired state: each of a fixed set of resources may be there, and depends on what is before it only, so that
 * any two states agree on the direction and there is no cycle.
 */
export const desiredState: fc.Arbitrary<Resource[]> = fc
  .array(slot, { minLength: SLOTS, maxLength: SLOTS })
  .map((slots) =>
    slots.flatMap(({ there, value, ignored, needs, needsTypes }, place) => {
      if (!there) return [];
      const before = needs.map((need) => need % (place + 1)).filter((need) => slots[need]?.there);
      const attributes: JsonObject = { value, seen: { ignored } };
      return [
        resource(keyOf(place), {
          attributes,
          dependencies: [...new Set(before.filter((need) => need < place))].map(keyOf),
          type_dependencies: needsTypes
            .filter((type) => type < typeOf(place))
            .map((type) => TYPES[type] ?? ''),
          diff_ignore: ['/seen'],
        }),
      ];
    }),
  );

/** What the last operation left: some things clean, some failed, some gone. */
export const currentState: fc.Arbitrary<StoredResource[]> = desiredState.chain((resources) =>
  fc
    .array(fc.record({ needs_recreate: fc.boolean(), error: fc.constantFrom(null, null, 'failed before') }), {
      minLength: resources.length,
      maxLength: resources.length,
    })
    .map((flags) =>
      resources.map((item, index) => ({ ...item, needs_recreate: false, error: null, ...flags[index] })),
    ),
);

/** Several states on the way to a last one; those before it may be incomplete where the state has the rest. */
export const desiredStates: fc.Arbitrary<Resource[][]> = fc.array(desiredState, {
  minLength: 1,
  maxLength: 3,
});

/** Every dependency of a resource, by key and by type, among the given ones. */
export function needsOf(item: Resource, among: ReadonlyMap<ResourceKey, Resource>): ResourceKey[] {
  const ofTypes = [...among.values()].filter((other) => item.type_dependencies.includes(other.type));
  return [...item.dependencies.filter((key) => among.has(key)), ...ofTypes.map(resourceKey)];
}

export function shuffled<T>(items: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });
}

/** Layers by the definition, over direct edges and at any cost: what `layersOf` must agree with. */
export function naiveDepths(resources: readonly Resource[]): Map<ResourceKey, number> {
  const among = byKey(resources);
  const depths = new Map<ResourceKey, number>();
  const depth = (key: ResourceKey): number => {
    const known = depths.get(key);
    if (known !== undefined) return known;
    const item = among.get(key);
    const below = item === undefined ? [] : needsOf(item, among).map(depth);
    const own = below.length === 0 ? 0 : Math.max(...below) + 1;
    depths.set(key, own);
    return own;
  };
  for (const key of among.keys()) depth(key);
  return depths;
}
