import { endGroup, type Environment, type Exit, howItEnded, startChild } from './spawned.ts';
import type { Job, JobResult } from './target.ts';
import {
  FENCED_STATUS,
  hasSaid,
  HEARTBEAT_INTERVAL_MS,
  resultOf,
  seenToken,
  WORKER_PROGRAM,
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
/** How long the result may take to come on stderr after it came on stdout, or the other way round, in milliseconds. */
const RESULT_GRACE_MS = 500;
/** More than the line of a result has, in characters. */
const RESULT_LENGTH = 128;
/** How long a worker that has nothing to do may take to end, in milliseconds, before its child is killed. */
const IDLE_GRACE_MS = 2_000;

export interface ChildCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Environment;
  /** How long the worker may take to say that it is there, in milliseconds. */
  readonly connectLimitMs: number;
}

/** A child process that leads to a worker, which takes one job after another. */
export interface WorkerChild {
  /**
   * Runs a job; only one at a time. Null where the worker did not take it, as one that had a job before does not when
   * it waited too long for the next: nothing ran.
   */
  run(job: Job): Promise<JobResult | null>;
  /** Whether it waits for a job. */
  isIdle(): boolean;
  /** Ends it, and comes when it has ended. It must not have a job. */
  end(): Promise<void>;
}

/** Starts a child that leads to a worker. */
export function startWorker(command: ChildCommand): WorkerChild {
  const { child, exit } = startChild(command.file, command.args, { stdio: 'pipe', ...command });
  const { stdin, stdout, stderr } = child ?? {};
  if (!child || !stdin || !stdout || !stderr) return neverBegan(exit, command);
  const pipes: Pipes = { stdin, kill: () => endGroup(child, 'SIGKILL') };

  let current: CurrentJob | null = null;
  let jobs = 0;
  // EPIPE, and whatever else: the exit tells what happened.
  for (const stream of [stdin, stdout, stderr]) stream.on('error', () => undefined);
  stdout.setEncoding('utf8').on('data', (chunk: string) => current?.hear(chunk));
  stderr.setEncoding('utf8').on('data', (chunk: string) => current?.hearComplaint(chunk));
  stdin.write(WORKER_PROGRAM);

  return {
    isIdle: () => current === null && child.exitCode === null && child.signalCode === null && stdin.writable,
    async run(job) {
      const isFirst = jobs++ === 0;
      current = new CurrentJob(job, pipes, command);
      const exited = await Promise.race([current.over, exit]);
      const { there, ended } = current;
      const result = current.judge(exited);
      current = null;
      // Whatever became of it: nothing can have run without the script, which it was never sent.
      return !isFirst && !there && exited !== null && ended === null ? null : result;
    },
    async end() {
      stdin.end();
      // Something else may hold its outputs, such as a daemon that a job began: nobody waits for that.
      const timer = setTimeout(() => {
        pipes.kill();
        for (const stream of [stdout, stderr]) stream.destroy();
      }, IDLE_GRACE_MS);
      await exit;
      clearTimeout(timer);
    },
  };
}

interface Pipes {
  readonly stdin: NodeJS.WritableStream;
  /** Ends the child at once. */
  readonly kill: () => void;
}

/** What comes of one job, from its header on. */
class CurrentJob {
  /** Comes when its worker has said all and waits for another one; never where the child has to end first. */
  readonly over: Promise<null>;
  there = false;
  ended: 'limit' | 'signal' | 'flood' | null = null;
  readonly #job: Job;
  readonly #pipes: Pipes;
  readonly #command: ChildCommand;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #onAbort = (): void => this.#end('signal');
  readonly #resultIn: Readonly<Record<'stdout' | 'stderr', (chunk: string) => boolean>>;
  #stdout = '';
  #stderr = '';
  #ready = false;
  #isHalfOver = false;
  #isOver: (value: null) => void = () => undefined;

  constructor(job: Job, pipes: Pipes, command: ChildCommand) {
    this.#job = job;
    this.#pipes = pipes;
    this.#command = command;
    this.#resultIn = { stdout: resultReader(job.nonce), stderr: resultReader(job.nonce) };
    this.over = new Promise((resolve) => (this.#isOver = resolve));
    this.#after(command.connectLimitMs, () => {
      if (!this.there) pipes.kill();
    });
    job.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (job.signal?.aborted === true) this.#onAbort();
    pipes.stdin.write(workerHeader(job));
  }

  /** Takes in what the worker says on stdout, and answers it. */
  hear(chunk: string): void {
    const job = this.#job;
    if (this.#stdout.length > STDOUT_LIMIT) {
      this.#end('flood');
      this.#stdout = this.#stdout.slice(0, 1024) + this.#stdout.slice(-1024);
    }
    this.#stdout += chunk;
    job.onOutput?.(chunk);
    job.onGlimpse?.(chunk);
    if (!this.there && hasSaid(this.#stdout, job.nonce, 'there')) {
      this.there = true;
      if (job.limitMs !== null) this.#after(job.limitMs, () => this.#end('limit'));
    }
    if (!this.#ready && this.ended === null && hasSaid(this.#stdout, job.nonce, 'ready')) {
      this.#ready = true;
      this.#pipes.stdin.write(workerBody(job));
      this.#timers.add(setInterval(() => this.#pipes.stdin.write('\n'), HEARTBEAT_INTERVAL_MS));
    }
    if (job.onOutput !== undefined) this.#stdout = this.#stdout.slice(-STDOUT_TAIL);
    this.#look('stdout', chunk);
  }

  /** Takes in what comes on stderr. */
  hearComplaint(chunk: string): void {
    this.#stderr = (this.#stderr + chunk).slice(-STDERR_TAIL - RESULT_LENGTH);
    this.#look('stderr', chunk);
  }

  /** @param exit how the child ended; null where it waits for another job */
  judge(exit: Exit | null): JobResult {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#job.signal?.removeEventListener('abort', this.#onAbort);
    const { nonce } = this.#job;
    // What came after the result came too late for it.
    const ended = exit === null ? null : this.ended;
    const stdout = this.#stdout;
    const stderr = this.#stderr.slice(0, resultOf(this.#stderr, nonce)?.at).slice(-STDERR_TAIL);
    const tooMuch = `it printed more than ${STDOUT_LIMIT} characters`;
    const status = resultOf(stdout, nonce)?.status ?? null;
    if (status === FENCED_STATUS) return { kind: 'fenced', seen: seenToken(stdout, nonce) };
    if (status !== null) {
      if (ended === null) return { kind: 'finished', status, stdout, stderr };
      if (ended !== 'flood') return { kind: 'ended', by: ended, stdout, stderr };
      return { kind: 'finished', status: status || 1, stdout: '', stderr: tooMuch };
    }
    if (!this.#ready) {
      if (ended === null) return neverRan(exit ?? {}, { there: this.there, stderr }, this.#command);
      if (ended !== 'flood') return { kind: 'ended', by: ended, stdout: '', stderr };
      return { kind: 'unusable', reason: `${tooMuch} before anything ran` };
    }
    return {
      kind: 'unknown',
      reason: `the connection ended (${howItEnded(exit ?? {})}) before the result was seen`,
      stderr,
    };
  }

  /** The result is said twice: when both have come, all that the job said has. */
  #look(stream: 'stdout' | 'stderr', chunk: string): void {
    if (!this.#resultIn[stream](chunk)) return;
    const other = stream === 'stdout' ? 'stderr' : 'stdout';
    if (this.#resultIn[other]('')) {
      if (this.ended === null) this.#isOver(null);
    } else if (!this.#isHalfOver) {
      this.#isHalfOver = true;
      // Where the other does not come through, it is the end of the child that says that all has come.
      this.#after(RESULT_GRACE_MS, () => this.#close());
    }
  }

  #end(by: 'limit' | 'signal' | 'flood'): void {
    if (this.ended !== null) return;
    this.ended = by;
    // Nothing was sent yet, and nothing runs without it: there is nothing to wait for.
    if (!this.#ready) return this.#pipes.kill();
    this.#close();
  }

  /** That stdin is closed tells the worker to end its job; the child is given time to report that. */
  #close(): void {
    this.#pipes.stdin.end();
    this.#after(END_GRACE_MS, this.#pipes.kill);
  }

  #after(ms: number, act: () => void): void {
    this.#timers.add(setTimeout(act, ms));
  }
}

/** Says of chunk after chunk whether the result has come by then. */
function resultReader(nonce: string): (chunk: string) => boolean {
  let found = false;
  let tail = '';
  return (chunk) => {
    // All of it anew with every chunk would take longer than the job where it prints much.
    found ||= resultOf(tail + chunk, nonce) !== null;
    tail = (tail + chunk).slice(-RESULT_LENGTH);
    return found;
  };
}

/** Exit status of ssh for its own failures; the worker's command never ends with it before it is ready. */
const SSH_FAILED = 255;

function neverBegan(exit: Promise<Exit>, { file }: ChildCommand): WorkerChild {
  return {
    isIdle: () => false,
    async run() {
      const { code } = await exit;
      const reason =
        code === 'ENOENT'
          ? 'was not found'
          : `could not be started (${code ?? 'for no reason that is known'})`;
      return { kind: 'unreachable', reason: `the program ${file} ${reason}` };
    },
    end: () => Promise.resolve(),
  };
}

function neverRan(
  exit: Exit,
  { there, stderr }: { readonly there: boolean; readonly stderr: string },
  command: ChildCommand,
): JobResult {
  if (exit.signal === 'SIGKILL' && !there) {
    return { kind: 'unreachable', reason: `no answer within ${command.connectLimitMs / 1000} s` };
  }
  const words = stderr.trim() || howItEnded(exit);
  return { kind: exit.exitCode === SSH_FAILED ? 'unreachable' : 'unusable', reason: words };
}
