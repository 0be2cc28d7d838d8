import { endGroup, type Environment, type Exit, howItEnded, startChild } from './spawned.ts';
import type { Job, JobResult } from './target.ts';
import {
  FENCED_STATUS,
  hasSaid,
  HEARTBEAT_INTERVAL_MS,
  resultOf,
  seenToken,
  workerBody,
  workerHeader,
} from './worker.ts';

/** Of a job's stdout, in characters; a job that prints more fails rather than fills pgctl's memory. */
const STDOUT_LIMIT = 8 * 1024 * 1024;
/** Of stderr only the end is kept, in characters. */
const STDERR_TAIL = 4_000;
/** Of stdout that is given away only the end is kept, in characters: the result's frame is found in it. */
const STDOUT_TAIL = 4_000;
/** How long a job that was told to end may take to say so, in milliseconds, before its child is killed. */
const END_GRACE_MS = 12_000;

export interface ChildCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Environment;
  /** How long the worker may take to say that it is there, in milliseconds. */
  readonly connectLimitMs: number;
}

/** Runs one job through a child process that leads to the worker. Throws what the job's own `assertMayStart` does. */
export async function runChild(command: ChildCommand, job: Job): Promise<JobResult> {
  job.assertMayStart?.();
  const { child, exit: exited } = startChild(command.file, command.args, { stdio: 'pipe', ...command });
  const { stdin, stdout: output, stderr: complaints } = child ?? {};
  if (!child || !stdin || !output || !complaints) return neverBegan(await exited, command);
  let stdout = '';
  let stderr = '';
  let there = false;
  let ready = false;
  let ended: 'limit' | 'signal' | 'flood' | null = null;
  const timers = new Set<NodeJS.Timeout>();
  const after = (ms: number, act: () => void): void => void timers.add(setTimeout(act, ms));

  const kill = (): void => endGroup(child, 'SIGKILL');
  const end = (by: 'limit' | 'signal' | 'flood'): void => {
    if (ended !== null) return;
    ended = by;
    // Nothing was sent yet, and nothing runs without it: there is nothing to wait for.
    if (!ready) return kill();
    // Closing stdin is what tells the worker to end its job; the child is given time to report that.
    stdin.end();
    after(END_GRACE_MS, () => kill());
  };
  const onAbort = (): void => end('signal');

  // EPIPE, and whatever else: the exit tells what happened.
  for (const stream of [stdin, output, complaints]) stream.on('error', () => undefined);
  output.setEncoding('utf8').on('data', (chunk: string) => {
    if (stdout.length > STDOUT_LIMIT) {
      end('flood');
      stdout = stdout.slice(0, 1024) + stdout.slice(-1024);
    }
    stdout += chunk;
    job.onOutput?.(chunk);
    job.onGlimpse?.(chunk);
    if (!there && hasSaid(stdout, job.nonce, 'there')) {
      there = true;
      if (job.limitMs !== null) after(job.limitMs, () => end('limit'));
    }
    if (!ready && ended === null && hasSaid(stdout, job.nonce, 'ready')) {
      ready = true;
      stdin.write(workerBody(job));
      const beat = setInterval(() => stdin.write('\n'), HEARTBEAT_INTERVAL_MS);
      timers.add(beat);
    }
    if (job.onOutput !== undefined) stdout = stdout.slice(-STDOUT_TAIL);
  });
  complaints.setEncoding('utf8').on('data', (chunk: string) => {
    stderr = (stderr + chunk).slice(-STDERR_TAIL);
  });
  after(command.connectLimitMs, () => {
    if (!there) kill();
  });
  job.signal?.addEventListener('abort', onAbort, { once: true });
  if (job.signal?.aborted === true) onAbort();
  stdin.write(workerHeader(job));

  const exit = await exited;
  for (const timer of timers) clearTimeout(timer);
  job.signal?.removeEventListener('abort', onAbort);

  const status = resultOf(stdout, job.nonce);
  if (status === FENCED_STATUS) return { kind: 'fenced', seen: seenToken(stdout, job.nonce) };
  if (status !== null && ended === null) return { kind: 'finished', status, stdout, stderr };
  if (status !== null && ended === 'flood') {
    return {
      kind: 'finished',
      status: status || 1,
      stdout: '',
      stderr: `it printed more than ${STDOUT_LIMIT} characters`,
    };
  }
  if (status !== null && ended !== null && ended !== 'flood')
    return { kind: 'ended', by: ended, stdout, stderr };
  if (!ready && ended === 'flood')
    return {
      kind: 'unusable',
      reason: `it printed more than ${STDOUT_LIMIT} characters before anything ran`,
    };
  if (!ready && ended === null) return neverRan(exit, { there, stderr: stderr.trim() }, command);
  if (!ready) return { kind: 'ended', by: ended ?? 'signal', stdout: '', stderr };
  return {
    kind: 'unknown',
    reason: `the connection ended (${howItEnded(exit)}) before the result was seen`,
    stderr,
  };
}

/** Exit status of ssh for its own failures; the worker's command never ends with it before it is ready. */
const SSH_FAILED = 255;

function neverBegan({ code }: Exit, { file }: ChildCommand): JobResult {
  const reason =
    code === 'ENOENT' ? 'was not found' : `could not be started (${code ?? 'for no reason that is known'})`;
  return { kind: 'unreachable', reason: `the program ${file} ${reason}` };
}

function neverRan(
  exit: Exit,
  { there, stderr }: { readonly there: boolean; readonly stderr: string },
  command: ChildCommand,
): JobResult {
  if (exit.signal === 'SIGKILL' && !there) {
    return { kind: 'unreachable', reason: `no answer within ${command.connectLimitMs / 1000} s` };
  }
  const words = stderr === '' ? howItEnded(exit) : stderr;
  return { kind: exit.exitCode === SSH_FAILED ? 'unreachable' : 'unusable', reason: words };
}
