import type { Plan } from '../plan/plan.ts';
import { PLANNED_STATE, type InstanceState } from './states.ts';
import type { InstanceRecord, Timestamp } from './types.ts';

/** A state that a record has from when an operation is planned until its outcome is known. */
export type PlannedState = (typeof PLANNED_STATE)[keyof typeof PLANNED_STATE]['state'];

/** What an operation's planner says of an instance; state, error and times are not its to say. */
export type InstanceDraft = Omit<InstanceRecord, 'state' | 'error' | 'created_at' | 'updated_at'>;

/**
 * The state that each instance's record gets before anything on a host is changed, by instance id, over all
 * plans of the operation: a record stays in progress until the last event of its instance. Events of other
 * resources write nothing.
 *
 * @param instanceType the resource type whose ids are instance ids
 * @param abandoned instances on lost hosts, which leave without an event
 */
export function plannedInstanceStates(
  plans: readonly Plan[],
  instanceType: string,
  abandoned: readonly string[] = [],
): ReadonlyMap<string, PlannedState> {
  const strongest = new Map<string, (typeof PLANNED_STATE)[keyof typeof PLANNED_STATE]>();
  for (const event of plans.flat(2)) {
    if (event.resource.type !== instanceType) continue;
    const planned = PLANNED_STATE[event.type];
    const before = strongest.get(event.resource.id);
    if (before === undefined || planned.rank > before.rank) strongest.set(event.resource.id, planned);
  }
  // Nothing runs for an instance on a lost host, but its record is on its way out like that of one that is deleted.
  for (const id of abandoned) strongest.set(id, PLANNED_STATE.delete);
  return new Map([...strongest].map(([id, planned]) => [id, planned.state]));
}

/** Whether the operation touches any instance; it looks no further than the first event that does. */
export function hasInstanceEvent(plans: readonly Plan[], instanceType: string): boolean {
  return plans.some((plan) =>
    plan.some((phase) => phase.some((event) => event.resource.type === instanceType)),
  );
}

/**
 * The records that are to be written for these states, all with the same time. A record's earlier error is
 * gone with it: the state says that something is being done about it.
 *
 * An instance without a record gets one from its draft; one that has neither is being deleted after its
 * record was lost, and gets none. Where there is a draft, what it says replaces what the record said.
 */
export function plannedInstanceRecords(input: {
  readonly states: ReadonlyMap<string, InstanceState>;
  readonly current: readonly InstanceRecord[];
  readonly drafts: readonly InstanceDraft[];
  readonly now: Timestamp;
}): readonly InstanceRecord[] {
  const current = new Map(input.current.map((record) => [record.instance_id, record]));
  const drafts = new Map(input.drafts.map((draft) => [draft.instance_id, draft]));
  return [...input.states].flatMap(([id, state]): InstanceRecord[] => {
    const record = current.get(id);
    const said = drafts.get(id) ?? record;
    if (said === undefined) return [];
    const created_at = record?.created_at ?? input.now;
    // Not by spreading: properties named after a spread cost ten times as much, and there may be ten thousand records.
    return [Object.assign({}, record, said, { state, error: null, created_at, updated_at: input.now })];
  });
}
