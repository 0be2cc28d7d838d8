import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byKey } from '../../src/plan/graph.ts';
import type { PlanEvent } from '../../src/plan/plan.ts';
import { planOperation } from '../../src/plan/plan-operation.ts';
import {
  type Resource,
  type ResourceKey,
  type StoredResource,
  resourceKey,
} from '../../src/plan/resource.ts';
import { planDocument } from '../../src/plan/summary.ts';
import { run } from './fixtures.ts';
import { currentState, desiredState, desiredStates, needsOf, shuffled } from './random-graphs.ts';

const RUNS = { numRuns: 300 };

describe('a plan', () => {
  it('creates and updates every resource after what it depends on, and deletes it before', () => {
    fc.assert(
      fc.property(currentState, desiredState, fc.boolean(), (current, desired, force) => {
        const [plan = []] = planOperation({ current, desired: [desired], force }).plans;
        const phaseOf = new Map<ResourceKey, number>();
        plan.forEach((phase, index) => {
          for (const { resource } of phase) phaseOf.set(resourceKey(resource), index);
        });
        const phase = (key: ResourceKey) => phaseOf.get(key) ?? Number.NaN;
        const deletes = plan.flat().filter(({ type }) => type === 'delete');
        const changes = plan.flat().filter(({ type }) => type !== 'delete');
        const [wanted, there] = [byKey(desired), byKey(current)];
        for (const { resource } of changes) {
          for (const need of needsOf(resource, wanted).filter((key) => phaseOf.has(key))) {
            expect(phase(need)).toBeLessThan(phase(resourceKey(resource)));
          }
        }
        for (const { resource } of deletes) {
          const needs = needsOf(resource, there).filter((key) => phaseOf.has(key) && !wanted.has(key));
          for (const need of needs) expect(phase(need)).toBeGreaterThan(phase(resourceKey(resource)));
          for (const change of changes) {
            expect(phase(resourceKey(change.resource))).toBeLessThan(phase(resourceKey(resource)));
          }
        }
      }),
      RUNS,
    );
  });

  it('updates whatever depends on what it creates or updates', () => {
    fc.assert(
      fc.property(currentState, desiredState, (current, desired) => {
        const [plan = []] = planOperation({ current, desired: [desired] }).plans;
        const changed = new Set(plan.flatMap((phase) => phase.map(({ resource }) => resourceKey(resource))));
        const wanted = byKey(desired);
        for (const item of desired) {
          const follows = needsOf(item, wanted).some((key) => changed.has(key));
          if (follows) expect(changed).toContain(resourceKey(item));
        }
      }),
      RUNS,
    );
  });

  it('leads from its start to its end, after which there is nothing to plan', () => {
    fc.assert(
      fc.property(currentState, desiredStates, fc.boolean(), (current, desired, force) => {
        const operation = planOperation({ current, desired, force });
        const { state } = run(operation, current);
        const end = desired.at(-1) ?? [];
        expect(applied(state)).toEqual(applied(end));
        const again = planOperation({ current: state, desired: [end] });
        expect(again).toEqual({ plans: [], abandoned: [], restated: [] });
      }),
      RUNS,
    );
  });

  it('is the same, byte for byte, for the same input in any order', () => {
    const input = fc.tuple(currentState, desiredStates).chain(([current, desired]) =>
      fc.record({
        current: fc.constant(current),
        desired: fc.constant(desired),
        otherCurrent: shuffled(current),
        otherDesired: fc.tuple(...desired.map((state) => shuffled(state))),
      }),
    );
    fc.assert(
      fc.property(input, ({ current, desired, otherCurrent, otherDesired }) => {
        const plan = planOperation({ current, desired });
        const other = planOperation({ current: otherCurrent, desired: otherDesired });
        expect(JSON.stringify(other)).toBe(JSON.stringify(plan));
        const text = (plans: typeof plan.plans) =>
          JSON.stringify(planDocument({ operation: 'apply', databaseId: 'shop', plans }));
        expect(text(other.plans)).toBe(text(plan.plans));
      }),
      RUNS,
    );
  });

  it('deletes in its last state only, and has no empty plan or phase', () => {
    fc.assert(
      fc.property(currentState, desiredStates, (current, desired) => {
        const { plans } = planOperation({ current, desired });
        for (const plan of plans) {
          expect(plan.length).toBeGreaterThan(0);
          for (const phase of plan) expect(phase.length).toBeGreaterThan(0);
        }
        const early = plans.slice(0, -1).flat(2);
        expect(early.filter(({ type }) => type === 'delete')).toEqual([]);
        const gone = plans.flat(2).filter(({ type }) => type === 'delete');
        const final = byKey(desired.at(-1) ?? []);
        const ever = byKey<Resource>([...current, ...desired.flat()]);
        const expected = [...ever.keys()].filter((key) => !final.has(key)).sort();
        expect(gone.map(({ resource }) => resourceKey(resource)).sort()).toEqual(expected);
      }),
      RUNS,
    );
  });
});

describe('planning again after a failure', () => {
  const failures = fc.record({
    kind: fc.constantFrom('failed' as const, 'unknown' as const),
    unlucky: fc.infiniteStream(fc.integer({ min: 0, max: 4 })),
    crashAfter: fc.option(fc.nat(20), { nil: Number.POSITIVE_INFINITY }),
  });

  it('comes to the desired state, with every resource as new as what it depends on', () => {
    fc.assert(
      fc.property(
        desiredState,
        desiredStates,
        fc.array(failures, { minLength: 1, maxLength: 4 }),
        (start, desired, attempts) => {
          const world = new World();
          const create = planOperation({ current: [], desired: [start] });
          let { state } = run(create, [], { outcome: (event) => world.run(event) });
          for (const { kind, unlucky, crashAfter } of attempts) {
            const operation = planOperation({ current: state, desired });
            const outcome = (event: PlanEvent) =>
              unlucky.next().value === 0 ? ({ kind, error: 'no luck' } as const) : world.run(event);
            ({ state } = run(operation, state, { outcome, crashAfter }));
          }
          const last = planOperation({ current: state, desired });
          ({ state } = run(last, state, { outcome: (event) => world.run(event) }));
          const end = desired.at(-1) ?? [];
          expect(applied(state)).toEqual(applied(end));
          expect(planOperation({ current: state, desired: [end] }).plans).toEqual([]);
          expect(world.outdated(end)).toEqual([]);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

/** What counts of a state: everything but attributes that are ignored, and in any order. */
function applied(state: readonly (Resource | StoredResource)[]): unknown {
  const flags = { needs_recreate: false, error: null };
  return [...state]
    .sort((a, b) => (resourceKey(a) < resourceKey(b) ? -1 : 1))
    .map((item) => ({ ...flags, ...item, attributes: { value: item.attributes['value'] } }));
}

/** What is really there, as opposed to what is stored: a resource remembers the age of what it was built on. */
class World {
  readonly #built = new Map<ResourceKey, { at: number; resource: Resource }>();
  #clock = 0;

  run({ type, resource }: PlanEvent): { kind: 'ok' } {
    this.#clock += 1;
    if (type === 'delete') this.#built.delete(resourceKey(resource));
    else this.#built.set(resourceKey(resource), { at: this.#clock, resource });
    return { kind: 'ok' };
  }

  /** Resources under which something they were built on, and still depend on, has changed since. */
  outdated(desired: readonly Resource[]): string[] {
    return desired.flatMap((item) => {
      const built = this.#built.get(resourceKey(item));
      if (built === undefined) return [`${resourceKey(item)} is not there`];
      return item.dependencies
        .filter((key) => built.resource.dependencies.includes(key))
        .filter((key) => (this.#built.get(key)?.at ?? 0) > built.at)
        .map((key) => `${resourceKey(item)} is older than ${key}`);
    });
  }
}
