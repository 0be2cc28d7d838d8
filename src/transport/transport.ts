import { rm } from 'node:fs/promises';
import type { AttachResult } from './attach.ts';
import { type ChildCommand, startWorker } from './child.ts';
import { idleWorkers } from './idle-workers.ts';
import { limiter } from './limiter.ts';
import {
  attachArguments,
  closeMaster,
  fetchHostKey,
  openMaster,
  type OfferedKey,
  sshArguments,
  type SshSettings,
} from './ssh.ts';
import type { Job, JobResult, Target } from './target.ts';
import { WORKER_COMMANDS } from './worker.ts';

/** The address of the machine that pgctl itself runs on. */
export const LOCAL_ADDRESS = 'local';

/** Sessions at a time over one connection: sshd allows ten by default, and a user may hold one. */
const PER_HOST = 8;
/** Connections being opened at a time: sshd drops some past ten, and a jump host sees them all. */
const OPENING = 8;

export interface TransportOptions extends SshSettings {
  /** Children at a time, over all hosts. */
  readonly parallel: number;
  /** Looks on when a job begins; what it returns looks on when it has ended. */
  readonly onJob?: (hostId: string, job: Job) => (result: JobResult) => void;
}

/** A program to be sat at. */
export interface Session {
  /** What becomes the program; it may show in the host's list of processes. */
  readonly script: string;
  /** Whether stdin, stdout and stderr are a terminal, and the program is to see one, too. */
  readonly terminal: boolean;
  /** When it is ended, in milliseconds from its start; null for never. */
  readonly limitMs: number | null;
}

/** The one door to hosts: every job of pgctl goes through it. */
export interface Transport {
  run(target: Target, job: Job): Promise<JobResult>;
  /** Gives a script pgctl's own stdin, stdout and stderr, or its terminal, and waits until it ends. */
  attach(target: Target, session: Session): Promise<AttachResult>;
  /** A host's key, for the first contact. */
  hostKey(target: Target): Promise<OfferedKey | { readonly reason: string }>;
  /** Closes every connection. */
  close(): Promise<void>;
}

export function openTransport(given: TransportOptions): Transport {
  const env = given.env ?? { ...process.env };
  const options = { ...given, env };
  const overall = limiter(options.parallel);
  const opening = limiter(OPENING);
  const perHost = new Map<string, ReturnType<typeof limiter>>();
  const idle = idleWorkers(options.parallel);
  const closing = new AbortController();
  const masters = new Map<string, { readonly target: Target; readonly failure: Promise<string | null> }>();

  const connect = (target: Target): Promise<string | null> => {
    let master = masters.get(target.hostId);
    if (master === undefined) {
      master = { target, failure: opening(() => openMaster(options, target, closing.signal)) };
      masters.set(target.hostId, master);
    }
    return master.failure;
  };

  const runOn = async (target: Target, job: Job): Promise<JobResult> => {
    const command = WORKER_COMMANDS[target.privileges];
    const connectLimitMs = options.connectTimeoutMs + 10_000;
    const where = `${target.hostId} ${target.privileges}`;
    if (target.address === LOCAL_ADDRESS)
      return work(where, { file: 'sh', args: ['-c', command], env, connectLimitMs }, job);
    const failure = await connect(target);
    if (failure !== null) return { kind: 'unreachable', reason: failure };
    const args = sshArguments(options, target, command);
    return work(where, { file: options.program, args, env, connectLimitMs }, job);
  };

  /** By a worker that waits there, or by a new one. */
  const work = async (where: string, command: ChildCommand, job: Job): Promise<JobResult> => {
    for (;;) {
      job.assertMayStart?.();
      const worker = idle.take(where) ?? startWorker(command);
      const result = await worker.run(job);
      await idle.keep(where, worker);
      if (result !== null) return result;
    }
  };

  return {
    run(target, job) {
      let host = perHost.get(target.hostId);
      if (host === undefined) {
        host = limiter(PER_HOST);
        perHost.set(target.hostId, host);
      }
      const onHost = host;
      return onHost(() =>
        overall(async () => {
          const onEnd = options.onJob?.(target.hostId, job);
          const result = await runOn(target, job);
          onEnd?.(result);
          return result;
        }),
      );
    },
    async attach(target, { script, terminal, limitMs }) {
      const { attachCommand, runAttached } = await import('./attach.ts');
      const command = attachCommand(target.privileges, script);
      if (target.address === LOCAL_ADDRESS)
        return runAttached({ file: 'sh', args: ['-c', command], remote: false, limitMs });
      const failure = await connect(target);
      if (failure !== null) return { kind: 'unreachable', reason: failure };
      const args = attachArguments(options, target, { command, terminal });
      return runAttached({ file: options.program, args, remote: true, limitMs });
    },
    hostKey: (target) => fetchHostKey(options, target),
    async close() {
      closing.abort();
      const ending = idle.close();
      await Promise.all(
        [...masters.values()].map(async ({ target, failure }) => {
          if ((await failure) === null) await closeMaster(options, target);
        }),
      );
      await ending;
      masters.clear();
      await rm(options.runDir, { recursive: true, force: true });
    },
  };
}
