import { type PgctlError, toPgctlError } from '../errors.ts';
import type { EventOutcome } from '../plan/plan.ts';
import type { HostRecord } from '../records/types.ts';
import { isStoreStep, type HostStep, type StepOutput, type StoreStep } from '../steps/step.ts';
import type { Transport } from '../transport/transport.ts';
import type { Reporter } from '../ui/events.ts';
import { contextAt, isBrief, isInert, placeOf, stepsOf, type Surroundings } from './lifecycle.ts';
import { type OperationFence, runOnHost, type StepsResult } from './on-host.ts';
import type { Refused } from './overtaken.ts';
import { identityOf, type PlacedEvent } from './placed-event.ts';
import { isSignal, unlessAborted } from './signals.ts';

/** What events are carried out with. */
export interface Means {
  readonly transport: Transport;
  readonly around: Surroundings;
  readonly fence: OperationFence;
  readonly report: Reporter;
  /** Of a job, in milliseconds. */
  readonly limitMs: number | null;
  /** Ends what runs. */
  readonly kill: AbortSignal;
  /** Throws where nothing may be started any more. */
  assertMayStart(): void;
  /** What it means that a host refused a step. */
  overtaken(refused: Refused): Promise<PgctlError>;
  /** Carries out a step that changes etcd. */
  changeStore(step: StoreStep): Promise<void>;
}

/** What came of an event. */
export interface Carried {
  readonly outcome: EventOutcome;
  readonly hostId: string | null;
  readonly outputs: readonly StepOutput[];
}

/** An event that has something to do on a host. */
interface Ready {
  readonly placed: PlacedEvent;
  readonly host: HostRecord;
  readonly steps: readonly HostStep[];
}

/**
 * The events of a phase that are carried out as one: those that are brief and on the same host, for each job costs a
 * host more than what most of them do. All others are by themselves, and at the same time.
 */
export function groupsOf(events: readonly PlacedEvent[]): PlacedEvent[][] {
  const groups = new Map<string, PlacedEvent[]>();
  for (const placed of events) {
    const { executor } = placed.event.resource;
    const shared = isBrief(placed.event) && executor.kind === 'host';
    const name = shared ? executor.host : identityOf(placed, null).id;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [placed]);
    else group.push(placed);
  }
  return [...groups.values()];
}

/** Carries out the events of a group; what came of each. Does not reject. */
export async function carryOut(
  means: Means,
  group: readonly PlacedEvent[],
): Promise<ReadonlyMap<PlacedEvent, Carried>> {
  const prepared = await Promise.all(group.map((placed) => prepare(means, placed).catch(failed)));
  const ready = prepared.filter((each): each is Ready => 'steps' in each);
  const results = await runTogether(means, ready).catch((thrown: unknown) => ready.map(() => failed(thrown)));
  return new Map(
    group.flatMap((placed, n) => {
      const each = prepared[n];
      const carried = each !== undefined && 'steps' in each ? results[ready.indexOf(each)] : each;
      return carried === undefined ? [] : [[placed, carried] as const];
    }),
  );
}

function failed(thrown: unknown): Carried {
  const error = toPgctlError(thrown);
  const kind = error.code === 'outcome_unknown' ? 'unknown' : 'failed';
  return { outcome: { kind, error: error.message }, hostId: null, outputs: [] };
}

const ok = (hostId: string | null, outputs: readonly StepOutput[] = []): Carried => ({
  ...{ outcome: { kind: 'ok' }, hostId, outputs },
});

/** Finds where an event runs, and does what it has to do in etcd. */
async function prepare(means: Means, placed: PlacedEvent): Promise<Ready | Carried> {
  const { event } = placed;
  if (event.reason === 'container_deleted' || isInert(event)) return ok(null);
  const place = await unlessAborted(means.kill, placeOf(event.resource, means.around));
  const hostId = place.kind === 'host' ? place.host.host_id : null;
  means.report({ kind: 'event_started', ...identityOf(placed, hostId) });
  const steps = stepsOf(event, contextAt(place, event.resource, means.around));
  for (const step of steps) {
    if (isStoreStep(step)) await unlessAborted(means.kill, means.changeStore(step));
  }
  const hostSteps = steps.filter((step): step is HostStep => !isStoreStep(step));
  if (place.kind === 'controller' || hostSteps.length === 0) return ok(hostId);
  return { placed, host: place.host, steps: hostSteps };
}

/**
 * Runs the steps of events on their host as one job, and what came of each, in their order. A job ends with the first
 * step that fails; the events after that one run all the same, as they would by themselves.
 */
async function runTogether(means: Means, events: readonly Ready[]): Promise<Carried[]> {
  const [first, ...more] = events;
  if (first === undefined) return [];
  const { host } = first;
  const hostId = host.host_id;
  const result = await runOnHost({
    transport: means.transport,
    host,
    steps: events.flatMap(({ steps }) => steps),
    fence: means.fence,
    limitMs: means.limitMs,
    signal: means.kill,
    assertMayStart: () => means.assertMayStart(),
    // Nothing that shares a job waits for anything.
    ...(more.length > 0
      ? {}
      : {
          onSaid: ({ text, progress }) =>
            means.report({
              ...{ kind: 'event_waiting', ...identityOf(first.placed, hostId) },
              ...{ waitingFor: text, progress },
            }),
        }),
  });
  const all = (outcome: EventOutcome, of: readonly Ready[] = events): Carried[] =>
    of.map(() => ({ outcome, hostId, outputs: [] }));
  switch (result.kind) {
    case 'ok':
      return wholeOnes(events, result.outputs).map((outputs) => ok(hostId, outputs));
    case 'failed': {
      const error: EventOutcome = { kind: 'failed', error: result.error };
      const done = wholeOnes(events, result.outputs).map((outputs) => ok(hostId, outputs));
      const rest = events.slice(done.length + 1);
      const others = await runTogether(means, rest).catch((thrown: unknown) =>
        rest.map(() => failed(thrown)),
      );
      return [...done, { outcome: error, hostId, outputs: [] }, ...others];
    }
    case 'ended': {
      const done = wholeOnes(events, result.outputs).map((outputs) => ok(hostId, outputs));
      return [...done, ...all(endedOutcome(result, means.kill), events.slice(done.length))];
    }
    case 'unknown':
      return all({ kind: 'unknown', error: result.error });
    case 'fenced':
      throw await means.overtaken({ ...result, hostId });
    case 'unreachable':
    case 'unusable':
      return all({ kind: 'failed', error: result.error });
  }
}

/** Of the events whose steps all ran and succeeded what these printed: from the first event on, up to one that did not. */
function wholeOnes(events: readonly Ready[], outputs: readonly StepOutput[]): StepOutput[][] {
  const whole: StepOutput[][] = [];
  let from = 0;
  for (const { steps } of events) {
    const own = outputs.slice(from, from + steps.length);
    if (own.length < steps.length || own.some(({ exitCode }) => exitCode !== 0)) break;
    whole.push(own);
    from += steps.length;
  }
  return whole;
}

/** What a step that was ended came to: by an operator in a hurry, nobody can say how far it had come. */
function endedOutcome(
  { by, error }: Extract<StepsResult, { kind: 'ended' }>,
  kill: AbortSignal,
): EventOutcome {
  if (by === 'signal' && isSignal(kill.reason)) return { kind: 'unknown', error };
  return { kind: 'failed', error, timedOut: by === 'limit' };
}
