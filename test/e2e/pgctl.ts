import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Lab } from '../lab/lab.ts';

/** The built pgctl, for `node`. */
export const PROGRAM = fileURLToPath(new URL('../../dist/bin/pgctl.js', import.meta.url));

/** What one run of the built pgctl came to. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The pgctl of an operator: the built program, with a home of its own, against a lab's etcd. */
export interface Operator {
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  run(
    args: readonly string[],
    options?: { readonly input?: string; readonly env?: Record<string, string> },
  ): Promise<Ran>;
  /** Runs with `-o json`, expects exit code 0 and returns the document. */
  json<T>(args: readonly string[]): Promise<T>;
  dispose(): Promise<void>;
}

export async function operatorOf(
  endpoints: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Operator> {
  const home = await mkdtemp(join(tmpdir(), 'pgctl-operator-'));
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    USER: 'tester',
    PGCTL_ENDPOINTS: endpoints.join(','),
    ...more,
  };
  const run: Operator['run'] = async (args, options = {}) => {
    const result = await execa('node', [PROGRAM, ...args], {
      env: { ...env, ...options.env },
      extendEnv: false,
      reject: false,
      ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
    });
    return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
  };
  return {
    home,
    env,
    run,
    async json<T>(args: readonly string[]): Promise<T> {
      const { exitCode, stdout, stderr } = await run([...args, '-o', 'json']);
      if (exitCode !== 0)
        throw new Error(`pgctl ${args.join(' ')} ended with ${exitCode}:\n${stdout}\n${stderr}`);
      return JSON.parse(stdout) as T;
    },
    dispose: () => rm(home, { recursive: true, force: true }),
  };
}

/** Registers the hosts of a lab the way an operator does. */
export async function addHosts(operator: Operator, lab: Lab, user = 'root'): Promise<void> {
  for (const host of lab.hosts) {
    await operator.json([
      ...['host', 'add', host.id, '--address', host.address, '--user', user],
      ...['--identity-file', lab.identityFile, '--host-key-fingerprint', host.hostKeyFingerprint],
    ]);
  }
}
