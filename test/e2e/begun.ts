import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import type { LabEtcd } from '../lab/etcd.ts';
import { type Operator, PROGRAM, type Ran } from './pgctl.ts';

/** A pgctl that runs in the background. */
export interface Begun {
  readonly pid: number;
  readonly ended: Promise<Ran>;
  kill(signal: NodeJS.Signals): void;
}

export interface Beginning {
  readonly env?: Readonly<Record<string, string>>;
  /** Files or file descriptors that its streams lead to, where they are not read. */
  readonly stdout?: { readonly file: string };
  readonly stderr?: { readonly file: string };
}

/** Starts pgctl with nobody at its terminal. */
export function begin(operator: Operator, args: readonly string[], given: Beginning = {}): Begun {
  const child = execa('node', [PROGRAM, ...args], {
    env: { ...operator.env, ...given.env },
    extendEnv: false,
    reject: false,
    // Told to end, it is to do that by itself.
    forceKillAfterDelay: false,
    stdin: 'ignore',
    stdout: given.stdout ?? 'pipe',
    stderr: given.stderr ?? 'pipe',
  });
  return {
    pid: child.pid ?? 0,
    ended: child.then(({ exitCode, stdout, stderr }) => ({
      exitCode: exitCode ?? -1,
      stdout: stdout ?? '',
      stderr: stderr ?? '',
    })),
    kill: (signal) => void child.kill(signal),
  };
}

interface Entry {
  readonly resource: string;
  readonly step: string;
}

/** The journal of a task, or of all tasks. */
export async function journal(etcd: LabEtcd, task = ''): Promise<Entry[]> {
  const found = await etcd.dump(`/pgctl/v1/task_events/${task}`);
  return [...found.values()].map((text) => JSON.parse(text) as Entry);
}

/** What is in all journals, for `intended` of what comes. */
export const journaled = async (etcd: LabEtcd): Promise<ReadonlySet<string>> =>
  new Set((await etcd.dump('/pgctl/v1/task_events/')).keys());

/** Waits until the newest journal says that something is about to be done; `after` is what was there before. */
export async function intended(
  etcd: LabEtcd,
  resource: string,
  after: ReadonlySet<string> = new Set(),
): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const found = await etcd.dump('/pgctl/v1/task_events/');
    const entries = [...found].filter(([key]) => !after.has(key));
    if (entries.some(([, text]) => (JSON.parse(text) as Entry).resource.startsWith(resource))) return;
    await delay(50);
  }
  throw new Error(`nothing was intended for ${resource}`);
}
