import { readdirSync, readFileSync } from 'node:fs';

/** A process of this machine; those of lab hosts are among them. */
export interface SeenProcess {
  readonly pid: number;
  /** Its arguments, with spaces between them. */
  readonly commandLine: string;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // It ended meanwhile.
  }
}

/** All processes that have arguments. */
export function processes(): SeenProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({
      pid: Number(name),
      commandLine: read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim(),
    }))
    .filter(({ commandLine }) => commandLine !== '');
}

/** Those that have a variable in their environment, as children of one operator's pgctl have its HOME. */
export function processesWith(variable: string): SeenProcess[] {
  return processes().filter(({ pid }) => read(`/proc/${pid}/environ`).split('\0').includes(variable));
}

/** Who started a process; 0 where it has ended. */
export function parentOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}

/** How often argument lists are looked at, in milliseconds. */
const LOOK_MS = 200;

/** Keeps every argument list that is seen, of this machine and of all hosts. */
export function watchArguments(): { readonly seen: ReadonlySet<string>; stop(): void } {
  const seen = new Set<string>();
  const timer = setInterval(() => {
    for (const { commandLine } of processes()) seen.add(commandLine);
  }, LOOK_MS);
  return { seen, stop: () => clearInterval(timer) };
}
