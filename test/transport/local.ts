import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChildCommand, startWorker } from '../../src/transport/child.ts';
import type { Job, JobResult, Target } from '../../src/transport/target.ts';
import { LOCAL_ADDRESS } from '../../src/transport/transport.ts';

/** A directory for one test file, with what removes it. */
export function scratch(): { readonly dir: string; readonly remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'pgctl-transport-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** This machine, as the tests' own account. */
export const HERE: Target = {
  hostId: 'here',
  address: LOCAL_ADDRESS,
  user: null,
  port: null,
  identityFile: null,
  hostKeys: [],
  privileges: 'none',
};

export function job(script: string, more: Partial<Job> = {}): Job {
  return { nonce: randomBytes(8).toString('hex'), script, fence: null, limitMs: null, signal: null, ...more };
}

/** Runs a job by a worker of its own. */
export async function runAlone(command: ChildCommand, what: Job): Promise<JobResult | null> {
  const worker = startWorker(command);
  const result = await worker.run(what);
  await worker.end();
  return result;
}

/** A program in place of ssh: it is called with ssh's arguments, the last of which is the command. */
export function standIn(dir: string, name: string, body: string): string {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

export async function until(what: string, holds: () => boolean, limitMs = 10_000): Promise<void> {
  for (const end = Date.now() + limitMs; !holds(); await new Promise((done) => setTimeout(done, 20))) {
    if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
  }
}

/** Whether a process runs; one that ended and was not waited for does not. */
export function runs(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** The pids that a job wrote into a file, one a line. */
export function pidsIn(file: string): number[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number);
}
