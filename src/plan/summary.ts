import { isSecretParameter } from '../spec/restarts.ts';
import type { Cost, Difference, EventType, Plan, PlanEvent, PlanSummary, Reason } from './plan.ts';
import type { Executor } from './resource.ts';

/** One event as `-o json` shows it. */
export interface PlanEventDocument {
  readonly type: EventType;
  readonly reason: Reason;
  readonly resource: { readonly type: string; readonly id: string };
  /** Null for what runs on pgctl's own machine, or on a node's primary: which host that is shows at run time. */
  readonly host_id: string | null;
  readonly diff?: readonly Difference[];
  /** What is done, as a verb, such as `restart`. Absent where nobody asked. */
  readonly action?: string;
  readonly cost?: Cost;
}

/** The `Plan` of the command-line contract. */
export interface PlanDocument {
  readonly kind: 'Plan';
  readonly operation: string;
  readonly database_id: string;
  /** Plans of phases of events. */
  readonly plans: readonly (readonly (readonly PlanEventDocument[])[])[];
  readonly summary: PlanSummary;
  /** Whether the database's own record changes, which it can without any event. Absent where nobody asked. */
  readonly database_changed?: boolean;
  /** Host of each node's primary when it was planned, by `<database>.<node>`. */
  readonly primaries?: Readonly<Record<string, string>>;
  /** Copies of the data that go, and those that are left when all is done. */
  readonly copies?: { readonly removed: number; readonly left: number };
}

/** What is known of a plan besides its events, for whoever decides about it. */
export type PlanContext = Pick<PlanDocument, 'database_changed' | 'primaries' | 'copies'>;

export interface PlanDescription {
  readonly operation: string;
  readonly databaseId: string;
  readonly plans: readonly Plan[];
  readonly context?: PlanContext;
  /** Says of an event what only its resource's type knows. */
  readonly describe?: (event: PlanEvent) => { readonly action: string; readonly cost: Cost | null };
}

/** How many events of each type the plans hold together. */
export function summarize(plans: readonly Plan[]): PlanSummary {
  const summary = { create: 0, update: 0, delete: 0 };
  for (const event of plans.flat(2)) summary[event.type] += 1;
  return summary;
}

export function planDocument(description: PlanDescription): PlanDocument {
  const { operation, databaseId, plans, context } = description;
  return {
    kind: 'Plan',
    operation,
    database_id: databaseId,
    plans: plans.map((plan) => plan.map((phase) => phase.map((event) => eventDocument(event, description)))),
    summary: summarize(plans),
    ...context,
  };
}

function eventDocument(event: PlanEvent, { describe }: PlanDescription): PlanEventDocument {
  const { type, reason, resource, diff } = event;
  const described = describe?.(event);
  return {
    type,
    reason,
    resource: { type: resource.type, id: resource.id },
    host_id: hostOf(resource.executor),
    ...(diff === undefined ? {} : { diff: diff.map(withoutSecret) }),
    ...(described === undefined ? {} : { action: described.action }),
    ...(described === undefined || described.cost === null ? {} : { cost: described.cost }),
  };
}

function hostOf(executor: Executor): string | null {
  return executor.kind === 'host' ? executor.host : null;
}

/** Stands for a value that is not to be seen in a plan, which ends up in the logs of CI. */
export const HIDDEN = '(hidden)';

function withoutSecret(difference: Difference): Difference {
  const parameter = /\/parameters\/([^/]+)$/.exec(difference.path)?.[1];
  if (parameter === undefined || !isSecretParameter(parameter)) return difference;
  return {
    path: difference.path,
    ...(difference.from === undefined ? {} : { from: HIDDEN }),
    ...(difference.to === undefined ? {} : { to: HIDDEN }),
  };
}
