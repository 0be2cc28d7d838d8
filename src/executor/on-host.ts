import { randomBytes } from 'node:crypto';
import { PgctlError } from '../errors.ts';
import type { HostRecord } from '../records/types.ts';
import { lineReader, type Said, saidReader } from '../steps/lines.ts';
import { readOutputs, renderSteps } from '../steps/render.ts';
import { showStep } from '../steps/show.ts';
import { type HostStep, stepName, type StepOutput } from '../steps/step.ts';
import type { JobResult, Target } from '../transport/target.ts';
import type { Transport } from '../transport/transport.ts';

/** What became of steps that were run on a host. */
export type StepsResult =
  /** All of them ran, and succeeded. */
  | { readonly kind: 'ok'; readonly outputs: readonly StepOutput[] }
  /** One failed; those after it did not run. */
  | { readonly kind: 'failed'; readonly error: string; readonly outputs: readonly StepOutput[] }
  /** They were told to end before they were done, and did: by their time limit, or by the signal that was given. */
  | {
      readonly kind: 'ended';
      readonly by: 'limit' | 'signal';
      readonly error: string;
      readonly outputs: readonly StepOutput[];
    }
  /** None ran: the host does not answer, or refuses. */
  | { readonly kind: 'unreachable'; readonly error: string }
  /** None ran: the host answers, and cannot be used. */
  | { readonly kind: 'unusable'; readonly error: string }
  /** None ran: a newer operation, with this token, was on this host. */
  | { readonly kind: 'fenced'; readonly error: string; readonly seen: string }
  /** Some may have run, and nobody knows which. */
  | { readonly kind: 'unknown'; readonly error: string };

/** The fence of one operation: hosts refuse its steps once a newer one was there. */
export interface OperationFence {
  readonly storeId: string;
  readonly databaseId: string;
  readonly token: string;
}

export interface OnHost {
  readonly transport: Transport;
  readonly host: HostRecord;
  readonly steps: readonly HostStep[];
  /** Null for steps that only read. */
  readonly fence: OperationFence | null;
  readonly limitMs: number | null;
  readonly signal: AbortSignal | null;
  /** See `Job`. */
  readonly assertMayStart?: () => void;
  /** Gets every line that the steps print as it comes; the outputs are empty then. */
  readonly onLine?: (line: string) => void;
  /** Gets what a step says it is waiting for, while it waits. */
  readonly onSaid?: (said: Said) => void;
}

export function targetOf(host: HostRecord): Target {
  return {
    hostId: host.host_id,
    address: host.address,
    user: host.ssh.user,
    port: host.ssh.port,
    identityFile: host.ssh.identity_file,
    hostKeys: host.host_keys,
    privileges: host.facts?.privileges ?? 'none',
  };
}

/** The account that Postgres runs under on a host. */
export const runUserOf = (host: HostRecord): string => host.facts?.run_user ?? 'postgres';

/** Lines of a failed step's stderr that go into its error. */
const TAIL_LINES = 12;

const tail = (text: string): string => text.trim().split('\n').slice(-TAIL_LINES).join('\n').trim();

/** Runs steps on a host, as one child process, in order up to the first that fails. */
export async function runOnHost(given: OnHost): Promise<StepsResult> {
  const { host, steps, fence } = given;
  const nonce = `pgctl-${randomBytes(12).toString('hex')}`;
  const script = renderSteps(steps, { nonce, runUser: runUserOf(host) });
  const reader = given.onLine === undefined ? null : lineReader(nonce, given.onLine);
  const result = await given.transport.run(targetOf(host), {
    nonce,
    script,
    about: { steps: steps.map(stepName), show: () => steps.map(showStep) },
    fence:
      fence === null
        ? null
        : { path: `${host.base_dir}/.fence/${fence.storeId}.${fence.databaseId}`, token: fence.token },
    limitMs: given.limitMs,
    signal: given.signal,
    ...(given.assertMayStart === undefined ? {} : { assertMayStart: given.assertMayStart }),
    ...(reader === null ? {} : { onOutput: reader.push }),
    ...(given.onSaid === undefined ? {} : { onGlimpse: saidReader(nonce, given.onSaid) }),
  });
  return read(result, given, (stdout) => reader?.outputs() ?? readOutputs(stdout, nonce));
}

function read(
  result: JobResult,
  given: OnHost,
  outputsIn: (stdout: string) => readonly StepOutput[],
): StepsResult {
  const { host, steps } = given;
  switch (result.kind) {
    case 'finished': {
      const outputs = outputsIn(result.stdout);
      const failed = outputs.findIndex((output) => output.exitCode !== 0);
      if (result.status === 0 && failed < 0 && outputs.length === steps.length)
        return { kind: 'ok', outputs };
      const at = failed < 0 ? outputs.length : failed;
      const step = steps[at];
      const name = step === undefined ? 'the steps' : stepName(step);
      const words = tail(result.stderr) || tail(outputs[at]?.stdout ?? '') || 'it said nothing';
      const status = outputs[at]?.exitCode ?? result.status;
      return { kind: 'failed', error: `${host.host_id}: ${name}: exit status ${status}: ${words}`, outputs };
    }
    case 'unreachable':
      return { kind: 'unreachable', error: `${host.host_id}: ${tail(result.reason)}` };
    case 'unusable':
      return { kind: 'unusable', error: `${host.host_id}: ${tail(result.reason)}` };
    case 'fenced':
      return {
        kind: 'fenced',
        seen: result.seen,
        error: `${host.host_id}: a newer operation on this database was there; this one starts nothing more`,
      };
    case 'ended': {
      const why = result.by === 'limit' ? `its time limit of ${(given.limitMs ?? 0) / 1000} s` : 'a signal';
      return {
        kind: 'ended',
        by: result.by,
        error: `${host.host_id}: ended by ${why}: ${tail(result.stderr) || 'it said nothing'}`,
        outputs: outputsIn(result.stdout),
      };
    }
    case 'unknown':
      return { kind: 'unknown', error: `${host.host_id}: ${result.reason}` };
  }
}

/** How long steps that only look may take, in milliseconds: as the user says, and no longer than they ever may. */
export interface LookLimits {
  /** Null where the user says nothing. */
  readonly limitMs: number | null;
  readonly ownMs: number;
}

export const lookLimitMs = ({ limitMs, ownMs }: LookLimits): number => Math.min(ownMs, limitMs ?? Infinity);

/** That a look ended by the limit that the user gave is no finding. @throws PgctlError `timeout` */
export function assertInTime(result: StepsResult, { limitMs, ownMs }: LookLimits): void {
  if (result.kind !== 'ended' || result.by !== 'limit' || limitMs === null || limitMs > ownMs) return;
  throw new PgctlError('timeout', result.error, {
    hint: 'Nothing was changed. Give it more time with --timeout.',
  });
}

/** The outputs of steps that had to succeed, or the error that says why they did not. */
export function outputsOf(result: StepsResult): readonly StepOutput[] {
  switch (result.kind) {
    case 'ok':
      return result.outputs;
    case 'unreachable':
      throw new PgctlError('host_unreachable', `a host cannot be reached: ${result.error}`, {
        hint: 'Check the address, the network and ssh with `pgctl host check`.',
      });
    case 'unusable':
      throw new PgctlError('host_unusable', `a host cannot be used: ${result.error}`, {
        hint: 'pgctl needs a POSIX sh there, and root or `sudo -n`.',
      });
    case 'fenced':
      throw new PgctlError('lock_lost', result.error);
    case 'unknown':
      throw new PgctlError('outcome_unknown', result.error);
    case 'ended':
    case 'failed':
      throw new PgctlError('host_unusable', result.error);
  }
}
