import type { PlanEvent } from '../plan/plan.ts';
import { resourceKey } from '../plan/resource.ts';
import type { EventIdentity } from '../ui/events.ts';
import { actionOf } from './lifecycle.ts';

/** An event with its place in the operation: plan and phase count from 1. */
export interface PlacedEvent {
  readonly plan: number;
  readonly phase: number;
  readonly event: PlanEvent;
}

/** An event's name in reports. */
export function identityOf({ plan, phase, event }: PlacedEvent, hostId: string | null): EventIdentity {
  return {
    id: `${plan}.${phase}.${resourceKey(event.resource)}`,
    type: event.type,
    action: actionOf(event),
    resource: { type: event.resource.type, id: event.resource.id },
    hostId: hostId ?? (event.resource.executor.kind === 'host' ? event.resource.executor.host : null),
  };
}
