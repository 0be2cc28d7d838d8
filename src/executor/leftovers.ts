import { PgctlError } from '../errors.ts';
import type { HostRecord } from '../records/types.ts';
import {
  askGuardStep,
  guardAllows,
  type Leftover,
  leftoverText,
  lookForLeftoversStep,
  readLeftovers,
  removeLeftoverSteps,
} from '../resources/leftovers.ts';
import type { HostStep, StepOutput } from '../steps/step.ts';
import type { Guards } from '../store/guards.ts';
import type { Transport } from '../transport/transport.ts';
import { outputsOf, runOnHost } from './on-host.ts';

const LOOK_LIMIT_MS = 60_000;

/** A host to be looked through. */
export interface LookedThrough {
  readonly transport: Transport;
  /** With its facts. */
  readonly host: HostRecord;
}

/** A host that was removed while it was lost, and is to be registered again. */
export interface ReturningHost extends LookedThrough {
  readonly guards: Guards;
}

async function run(
  { transport, host }: LookedThrough,
  steps: readonly HostStep[],
  limitMs: number | null,
): Promise<readonly StepOutput[]> {
  if (steps.length === 0) return [];
  // What only looks needs no fence; and no operation can be at work for a host that is not registered.
  return outputsOf(await runOnHost({ transport, host, steps, fence: null, limitMs, signal: null }));
}

/** Everything on a host that bears pgctl's stamp, whether it is in use or left over. */
export async function lookForStamped(place: LookedThrough): Promise<readonly Leftover[]> {
  const [seen] = await run(place, [lookForLeftoversStep(place.host.base_dir)], LOOK_LIMIT_MS);
  return readLeftovers(seen, place.host.host_id);
}

/** Those that may still run, by the etcd that they were made for. That may be another than pgctl's. */
export async function livingAmong(
  place: LookedThrough,
  stamped: readonly Leftover[],
): Promise<readonly Leftover[]> {
  const withDirectory = stamped.filter(({ hasDirectory }) => hasDirectory);
  const answers = await run(place, withDirectory.map(askGuardStep), LOOK_LIMIT_MS);
  return withDirectory.filter((_, index) => guardAllows(answers[index]));
}

/**
 * What pgctl left on a returning host. Throws `host_not_clean` where some of it belongs to an instance that may
 * still run, by pgctl's etcd or by the one that the instance was made for: that is nobody's leftover.
 */
export async function findLeftovers(returning: ReturningHost): Promise<readonly Leftover[]> {
  const { host, guards } = returning;
  const leftovers = await lookForStamped(returning);
  const living: Leftover[] = [...(await livingAmong(returning, leftovers))];
  for (const leftover of leftovers) {
    const guard = await guards.get(leftover.instance_id);
    const { allowed = false, database_uid } = guard?.value ?? {};
    if (allowed && database_uid === leftover.database_uid && !living.includes(leftover))
      living.push(leftover);
  }
  if (living.length === 0) return leftovers;
  throw new PgctlError('host_not_clean', `on host ${host.host_id} there are instances that are in use`, {
    hint: 'They are left alone, with --clean too. Register the machine where they belong, or delete their database there first.',
    details: living.map(leftoverText),
  });
}

/** Stops and removes leftovers, each by its stamp. */
export async function removeLeftovers(
  returning: ReturningHost,
  leftovers: readonly Leftover[],
): Promise<void> {
  await run(returning, leftovers.flatMap(removeLeftoverSteps), null);
}
