import type { Difference, EventType, Plan, PlanSummary, Reason } from './plan.ts';
import type { Executor } from './resource.ts';

/** One event as `-o json` shows it. */
export interface PlanEventDocument {
  readonly type: EventType;
  readonly reason: Reason;
  readonly resource: { readonly type: string; readonly id: string };
  /** Null for what runs on pgctl's own machine, or on a node's primary: which host that is shows at run time. */
  readonly host_id: string | null;
  readonly diff?: readonly Difference[];
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
}

export interface PlanDescription {
  readonly operation: string;
  readonly databaseId: string;
  readonly plans: readonly Plan[];
  readonly databaseChanged?: boolean;
}

/** How many events of each type the plans hold together. */
export function summarize(plans: readonly Plan[]): PlanSummary {
  const summary = { create: 0, update: 0, delete: 0 };
  for (const event of plans.flat(2)) summary[event.type] += 1;
  return summary;
}

export function planDocument({
  operation,
  databaseId,
  plans,
  databaseChanged,
}: PlanDescription): PlanDocument {
  return {
    kind: 'Plan',
    operation,
    database_id: databaseId,
    plans: plans.map((plan) =>
      plan.map((phase) =>
        phase.map(({ type, reason, resource, diff }) => ({
          type,
          reason,
          resource: { type: resource.type, id: resource.id },
          host_id: hostOf(resource.executor),
          ...(diff === undefined ? {} : { diff }),
        })),
      ),
    ),
    summary: summarize(plans),
    ...(databaseChanged === undefined ? {} : { database_changed: databaseChanged }),
  };
}

function hostOf(executor: Executor): string | null {
  return executor.kind === 'host' ? executor.host : null;
}
