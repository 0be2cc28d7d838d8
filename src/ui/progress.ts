import { indentRest, oneLine } from './clean.ts';
import type { EventIdentity, ProgressEvent } from './events.ts';
import { formatDuration, withSizes } from './quantity.ts';

/** Shows what the core reports: one of several renderers of the same events. */
export interface Progress {
  report(event: ProgressEvent): void;
  /** Writes something else, above whatever moves. */
  above(write: () => void): void;
  /** Takes away whatever moves, so that something else can be written; the next event may bring it back. */
  pause(): void;
  /** Takes it away for good. */
  close(): void;
}

/** An event that runs, and what is known of it. */
export interface RunningEvent {
  readonly identity: EventIdentity;
  /** Of the monotonic clock, in milliseconds. */
  readonly since: number;
  /** What it waits for, in words for people; null where it did not say. */
  readonly waitingFor: string | null;
}

/** Keeps what runs, by what is reported. */
export function runningEvents(now: () => number): {
  readonly note: (event: ProgressEvent) => void;
  /** Those that run longest first. */
  readonly list: () => readonly RunningEvent[];
} {
  const running = new Map<string, RunningEvent>();
  return {
    note(event) {
      if (event.kind === 'event_started')
        running.set(event.id, { identity: event, since: now(), waitingFor: null });
      const known = event.kind === 'event_waiting' ? running.get(event.id) : undefined;
      if (event.kind === 'event_waiting' && known !== undefined)
        running.set(event.id, { ...known, waitingFor: withSizes(oneLine(event.waitingFor)) });
      if (event.kind === 'event_finished') running.delete(event.id);
    },
    list: () => [...running.values()],
  };
}

/** With `-q`: warnings are not progress, and come through another door. */
export const silentProgress: Progress = {
  report: () => undefined,
  above: (write) => write(),
  pause: () => undefined,
  close: () => undefined,
};

/** `host-1: start shop.n1.host-1`. */
export function eventText({ action, resource, hostId }: EventIdentity): string {
  return oneLine(`${hostId ?? 'pgctl'}: ${action} ${resource.id}`);
}

/** With `-v` what is run on a host, with `-vv` also its text and what it said; null for nothing. */
export function jobText(
  event: ProgressEvent & { readonly kind: 'job_started' | 'job_finished' },
  verbosity: number,
): string | null {
  if (verbosity === 0) return null;
  const head = `${oneLine(event.hostId)}$ ${oneLine(event.steps.join('; '))}`;
  const block = (text: string): string => `\n    ${indentRest(text, '    ')}`;
  if (event.kind === 'job_started') return `${head}${(event.scripts ?? []).map(block).join('')}`;
  if (verbosity === 1) return null;
  const said = event.output === null || event.output === '' ? '' : block(event.output);
  return `${head} … ${oneLine(event.outcome)} (${formatDuration(event.durationMs)})${said}`;
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
