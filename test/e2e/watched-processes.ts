import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** How often everything that runs is looked at, in milliseconds. */
const SAMPLE_MS = 200;
/** Every byte as \xNN, so that no quoting hides what it stands for; whole, and with the environment. */
const TRACE = ['-f', '-qq', '-v', '-xx', '-s', '1000000', '-e', 'trace=execve', '-e', 'signal=none'];

/** What processes were started with, on this machine and in its containers, while it was watched. */
export interface WatchedProcesses {
  /** A command line that runs this one, traced. */
  traced(commandLine: readonly string[]): readonly string[];
  /** Argument lists and environments, one text for all. Ends the watching. */
  end(): Promise<string>;
}

const read = (file: string): string => {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
};

/**
 * Watches in two ways, as each misses something: every program that a descendant of the given processes
 * executes is traced, however short it runs, and what runs anywhere is sampled, whoever started it.
 */
export async function watchProcesses(dir: string, roots: readonly number[]): Promise<WatchedProcesses> {
  const seen = new Set<string>();
  const timer = setInterval(() => {
    for (const pid of readdirSync('/proc')) {
      // This process has to know what it looks for.
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
      seen.add(read(`/proc/${pid}/cmdline`));
      seen.add(read(`/proc/${pid}/environ`));
    }
  }, SAMPLE_MS);
  const files: string[] = [];
  const traceFile = (): string => {
    files.push(join(dir, `executed-${files.length}`));
    return files.at(-1) ?? '';
  };
  const tracers = roots.map((pid) =>
    execa('strace', [...TRACE, '-o', traceFile(), '-p', String(pid)], { reject: false }),
  );
  return {
    traced: (commandLine) => ['strace', ...TRACE, '--seccomp-bpf', '-o', traceFile(), ...commandLine],
    async end() {
      clearInterval(timer);
      for (const tracer of tracers) tracer.kill('SIGINT');
      await Promise.all(tracers);
      const executed = await Promise.all(files.map((file) => readFile(file, 'latin1')));
      return [...executed.map(decoded), ...seen].join('\n');
    },
  };
}

/** As strace shows arguments: one text each, between quotes. */
const decoded = (text: string): string =>
  text.replace(/\\x([\da-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
