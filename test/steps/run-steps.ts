import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { readOutputs, renderSteps } from '../../src/steps/render.ts';
import type { HostStep, ScriptStep, StepOutput } from '../../src/steps/step.ts';

/** The account the tests run as: with it as the run user no step changes its account. */
export const ME = userInfo().username;

export interface Ran {
  readonly status: number | null;
  readonly outputs: readonly StepOutput[];
  readonly stderr: string;
}

/** Runs steps with this machine's `sh`, which reads them from its stdin as the worker has it. */
export function runSteps(steps: readonly HostStep[], runUser = ME): Ran {
  const nonce = randomBytes(8).toString('hex');
  const { status, stdout, stderr } = spawnSync('sh', ['-s'], {
    input: renderSteps(steps, { nonce, runUser }),
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
    timeout: 60_000,
  });
  return { status, outputs: readOutputs(stdout, nonce), stderr };
}

/** A script as a step, with defaults for what a test does not care about. */
export function script(text: string, more: Partial<ScriptStep> = {}): ScriptStep {
  return { kind: 'script', name: 'test', script: text, args: [], account: 'admin', ...more };
}
