import type { EventIdentity, ProgressEvent } from './events.ts';
import { oneLine } from './clean.ts';

/** Shows what the core reports: one of several renderers of the same events. */
export interface Progress {
  report(event: ProgressEvent): void;
  /** Takes away whatever moves, so that something else can be written; the next event may bring it back. */
  pause(): void;
  /** Takes it away for good. */
  close(): void;
}

/** With `-q`: warnings are not progress, and come through another door. */
export const silentProgress: Progress = {
  report: () => undefined,
  pause: () => undefined,
  close: () => undefined,
};

/** `host-1: start shop.n1.host-1`. */
export function eventText({ action, resource, hostId }: EventIdentity): string {
  return oneLine(`${hostId ?? 'pgctl'}: ${action} ${resource.id}`);
}

export const OUTCOME_WORDS = {
  ok: 'ok',
  failed: 'failed',
  unknown: 'outcome unknown',
} as const satisfies Record<(ProgressEvent & { kind: 'event_finished' })['outcome'], string>;

export const OPERATION_WORDS = {
  completed: 'completed',
  failed: 'failed',
  unknown: 'ended with an unknown outcome',
} as const satisfies Record<(ProgressEvent & { kind: 'operation_finished' })['outcome'], string>;
