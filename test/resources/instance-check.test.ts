import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { instanceType, type InstanceAttributes } from '../../src/resources/instance.ts';
import type { HostStep } from '../../src/steps/step.ts';
import { runSteps } from '../steps/run-steps.ts';
import { CONTEXT, anInstance } from './fixtures.ts';

vi.setConfig({ testTimeout: 30_000 });

const root = mkdtempSync(join(tmpdir(), 'pgctl-check-'));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

/** A process that listens, in a directory. Returns its port. */
async function listen(cwd: string): Promise<number> {
  const program = `require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })`;
  const child = spawn(process.execPath, ['-e', program], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return Number(line.toString());
}

function portFindings(attributes: Partial<InstanceAttributes>): string[] {
  const check = instanceType.check?.(anInstance(attributes), { previous: null, copyBytes: null }, CONTEXT);
  const { outputs, stderr } = runSteps((check?.steps ?? []) as HostStep[]);
  expect(stderr).toBe('');
  return (check?.read(outputs) ?? []).map(({ message }) => message).filter((text) => text.startsWith('port'));
}

describe('the ports of an instance that is to be made', () => {
  const dir = join(root, 'shop.n1.host-1');
  mkdirSync(join(dir, 'data'), { recursive: true });

  it('are refused where somebody else listens', async () => {
    const [port, patroni_port] = await Promise.all([listen(root), listen(join(root))]);
    expect(portFindings({ dir, port, patroni_port })).toEqual([
      `port ${port} is taken by a process that is not pgctl's`,
      `port ${patroni_port} is taken by a process that is not pgctl's`,
    ]);
  });

  it("are the instance's own where its Patroni and Postgres run already, of a create that was killed", async () => {
    const [port, patroni_port] = await Promise.all([listen(join(dir, 'data')), listen(dir)]);
    expect(portFindings({ dir, port, patroni_port })).toEqual([]);
  });

  it('are not where only one of them is its own', async () => {
    const [port, patroni_port] = await Promise.all([listen(dir), listen(root)]);
    expect(portFindings({ dir, port, patroni_port })).toEqual([
      `port ${patroni_port} is taken by a process that is not pgctl's`,
    ]);
  });
});
