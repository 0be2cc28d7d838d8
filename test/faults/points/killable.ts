import { AsyncLocalStorage } from 'node:async_hooks';
import { App } from '../../../commands/shared/app.ts';
import type { RunOrigin } from '../../../src/records/types.ts';
import { Kv } from '../../../src/store/kv.ts';
import type { Job, JobResult, Target } from '../../../src/transport/target.ts';
import type { Transport } from '../../../src/transport/transport.ts';
import { type Outcome, pgctl } from '../../commands/run.ts';

/**
 * pgctl in this process, killed as SIGKILL kills it: at a point, and without another word.
 *
 * Everything pgctl does outside of itself goes through two doors, etcd's client and the transport. A run that is
 * killed finds both shut for ever: what it called never returns, so no `finally` and no handler of it runs,
 * its lease is not renewed any more, and the stdin of its children closes. Points are what changes something: each
 * write to etcd and each child that may change a host. Being killed after one is being killed before the next,
 * so N such actions have N + 1 points, the last of which is the end.
 */
interface Run {
  readonly killAt: number;
  readonly trace: string[];
  readonly killed: AbortController;
  readonly pid: number;
}

export type KillableOutcome =
  | (Outcome & { readonly kind: 'ended'; readonly points: number; readonly trace: readonly string[] })
  | { readonly kind: 'killed'; readonly at: string; readonly trace: readonly string[] };

const runs = new AsyncLocalStorage<Run>();

const NEVER = new Promise<never>(() => undefined);

/** Passes a door: an action that changes nothing has no label, and is no point. */
async function through<T>(run: Run | undefined, label: string | null, act: () => Promise<T>): Promise<T> {
  if (run === undefined) return act();
  if (run.killed.signal.aborted) return NEVER;
  if (label !== null) {
    run.trace.push(label);
    if (run.trace.length === run.killAt) {
      run.killed.abort(label);
      return NEVER;
    }
  }
  try {
    const value = await act();
    return run.killed.signal.aborted ? await NEVER : value;
  } catch (error) {
    if (run.killed.signal.aborted) return NEVER;
    throw error;
  }
}

type Method = (...args: never[]) => Promise<unknown>;

function guard(name: keyof Kv, labelOf: (args: readonly unknown[]) => string | null): void {
  const methods = Kv.prototype as unknown as Record<string, Method>;
  const real = methods[name];
  if (real === undefined) throw new Error(`no ${name}`);
  methods[name] = function (this: Kv, ...args: never[]) {
    return through(runs.getStore(), labelOf(args), () => real.apply(this, args));
  };
}

/** What a transaction is about, from the first key that it writes besides the lock. */
function transactionLabel([request]: readonly unknown[]): string {
  const { success } = request as { success: readonly { op: string; key?: string; prefix?: string }[] };
  const first = success.find(({ op }) => op !== 'touch') ?? success[0];
  const where = (first?.key ?? first?.prefix ?? '')
    .replace(/^\/[^/]*\/v1\//, '')
    .replace(/\d{8}-\d+-\w+/, '<task>');
  return `write ${where}${success.length > 2 ? ` and ${success.length - 2} more` : ''}`;
}

let installed = false;

/** Puts the doors in place, once a process. Runs that are not killable pass them unseen. */
function install(): void {
  if (installed) return;
  installed = true;
  guard('txn', transactionLabel);
  guard('grantLease', () => 'grant a lease');
  guard('revokeLease', () => 'revoke a lease');
  guard('dropLease', () => 'give up the lease');
  for (const name of ['read', 'keepAliveOnce', 'leaseTtl'] as const) guard(name, () => null);

  const open = App.prototype.transport;
  App.prototype.transport = async function (this: App): Promise<Transport> {
    const transport = await open.call(this);
    const run = runs.getStore();
    if (run === undefined) return transport;
    // A process that is gone holds no pipe.
    run.killed.signal.addEventListener('abort', () => void transport.close());
    return { ...transport, run: (target, job) => childOf(run, transport, target, job) };
  };
  const origin = App.prototype.origin;
  App.prototype.origin = function (this: App) {
    const run = runs.getStore();
    const own = origin.call(this);
    return run === undefined ? own : { ...own, pid: run.pid };
  };
}

function childOf(run: Run, transport: Transport, target: Target, job: Job): Promise<JobResult> {
  const label = job.fence === null ? null : `child on ${target.hostId}`;
  const { signal } = run.killed;
  return through(run, label, () =>
    transport.run(target, {
      ...job,
      signal: job.signal === null ? signal : AbortSignal.any([job.signal, signal]),
    }),
  );
}

/** Past the greatest pid that Linux has: that of no process, so that a killed run's lock is known to be dead. */
let pids = 4_200_000;

/** Runs a command line; `killAt` counts points from 1, and a run that has fewer ends by itself. */
export async function killable(
  argv: readonly string[],
  given: { readonly env: Record<string, string>; readonly killAt?: number },
): Promise<KillableOutcome> {
  install();
  const run: Run = { killAt: given.killAt ?? 0, trace: [], killed: new AbortController(), pid: ++pids };
  const before = new Map(SIGNALS.map((name) => [name, process.listeners(name)]));
  const death = new Promise<void>((resolve) => run.killed.signal.addEventListener('abort', () => resolve()));
  const ended = await Promise.race([
    runs.run(run, () => pgctl(argv, { env: given.env })),
    death.then(() => null),
  ]);
  if (ended !== null) return { kind: 'ended', ...ended, points: run.trace.length, trace: run.trace };
  // The dead catch no signals.
  for (const name of SIGNALS)
    for (const listener of process.listeners(name))
      if (before.get(name)?.includes(listener) !== true) process.off(name, listener);
  return { kind: 'killed', at: String(run.killed.signal.reason), trace: run.trace };
}

/** This process as the runs know it: one whose own locks would be alive. */
export function thisProcess(): RunOrigin {
  return App.prototype.origin.call({} as App);
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
