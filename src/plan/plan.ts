import type { Json } from '../json.ts';
import type { Resource, StoredResource } from './resource.ts';

/** Why an event is planned. The order of the reasons for creates and updates is the order they are tried in. */
export const REASONS = {
  does_not_exist: 'it does not exist yet',
  needs_recreate: 'it was not found, or creating it failed before',
  has_error: 'the last operation on it failed',
  force_update: 'an update was forced',
  dependency_updated: 'something it depends on changes',
  has_diff: 'its settings differ',
  not_desired: 'it is no longer wanted',
  container_deleted: 'what it lives in is deleted with it',
} as const;
export type Reason = keyof typeof REASONS;

export type EventType = 'create' | 'update' | 'delete';

/** One difference between two attribute values, by JSON pointer. `from` is absent for an addition, `to` for a removal. */
export interface Difference {
  readonly path: string;
  readonly from?: Json;
  readonly to?: Json;
}

/** What an event costs beyond being done: what somebody who decides about a plan looks for. */
export type Cost =
  /** Postgres restarts, and everybody who is connected to it is disconnected. */
  | {
      readonly kind: 'restart';
      /** False: only the host can tell whether it is needed. */
      readonly certain: boolean;
      /** Parameters, or other words for what asks for it. */
      readonly because: readonly string[];
    }
  /** Postgres stops, and stays so. */
  | { readonly kind: 'stop' }
  /** A copy of the data is removed. */
  | { readonly kind: 'copy' };

/** One lifecycle step of one resource, and why. */
export interface PlanEvent {
  readonly type: EventType;
  readonly reason: Reason;
  /** The resource as it will be; for a delete, as it is. */
  readonly resource: Resource;
  /** The resource as it is now; null for one that is not there. */
  readonly previous: StoredResource | null;
  /** With reason `has_diff`. */
  readonly diff?: readonly Difference[];
}

/** Events that do not depend on one another and run at the same time. */
export type Phase = readonly PlanEvent[];
/** Phases that run one after another. */
export type Plan = readonly Phase[];

export interface PlanSummary {
  readonly create: number;
  readonly update: number;
  readonly delete: number;
}

/** What became of an event. */
export type EventOutcome =
  | { readonly kind: 'ok' }
  | {
      readonly kind: 'failed';
      readonly error: string;
      /** Its time limit ended it. */
      readonly timedOut?: boolean;
    }
  /** Nobody knows: its connection broke and no result was seen. */
  | { readonly kind: 'unknown'; readonly error: string };
