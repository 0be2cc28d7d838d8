import { canonicalJson } from '../json.ts';
import type { Plan } from '../plan/plan.ts';
import type { Resource } from '../plan/resource.ts';
import { planDocument, type PlanDocument } from '../plan/summary.ts';
import type { Intention, View } from './intention.ts';
import { actionOf, costOf } from './lifecycle.ts';

/** What is planned, with what it was planned from. */
export interface Decision {
  readonly view: View;
  readonly intention: Intention;
  readonly plans: readonly Plan[];
  /** Resources on lost hosts, which leave the state without an event. */
  readonly abandoned: readonly Resource[];
}

/** A plan as it is shown to whoever decides about it, with what it costs. */
export function decisionDocument(
  { operation, databaseId }: { readonly operation: string; readonly databaseId: string },
  { view, intention, plans, abandoned }: Decision,
): PlanDocument {
  const { snapshot } = view;
  const deleted = plans
    .flat(2)
    .filter(({ type }) => type === 'delete')
    .map(({ resource }) => resource);
  const primaries = snapshot.patroni.flatMap(({ scope, leader }) =>
    leader === null ? [] : [[scope, leader]],
  );
  return planDocument({
    operation,
    databaseId,
    plans,
    describe: (event) => ({ action: actionOf(event), cost: costOf(event) }),
    context: {
      database_changed: databaseChanges(snapshot.database?.value.spec, intention),
      primaries: Object.fromEntries(primaries) as Record<string, string>,
      copies: {
        removed: copiesIn(deleted) + copiesIn(abandoned),
        left: copiesIn(intention.desired.at(-1) ?? snapshot.resources.map(({ value }) => value)),
      },
    },
  });
}

/** Every copy of the data is in a directory of its own. */
const copiesIn = (resources: readonly Resource[]): number =>
  resources.filter(({ type }) => type === 'directory').length;

function databaseChanges(
  before: Intention['database']['spec'] | undefined,
  { database }: Intention,
): boolean {
  if (before === undefined || database.state === 'deleting') return true;
  return canonicalJson(before) !== canonicalJson(database.spec);
}
