import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { instanceType } from '../../src/resources/instance.ts';
import type { HostStep } from '../../src/steps/step.ts';
import { runSteps } from '../steps/run-steps.ts';
import { anInstance, CONTEXT } from './fixtures.ts';

vi.setConfig({ testTimeout: 60_000 });

const dir = mkdtempSync(join(tmpdir(), 'pgctl-ready-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The wait for an instance in `dir`, with a psql that behaves like this. */
function ready(psql: string): HostStep {
  mkdirSync(join(dir, 'bin'), { recursive: true });
  writeFileSync(join(dir, 'bin/psql'), `#!/bin/sh\n${psql}\n`);
  chmodSync(join(dir, 'bin/psql'), 0o755);
  const resource = anInstance({ manager: 'process', dir, bin_dir: join(dir, 'bin') });
  const step = instanceType.create(resource, CONTEXT).find(({ kind }) => kind === 'wait');
  if (step?.kind !== 'wait') throw new Error('an instance is made without waiting for it');
  return step;
}

/** Stands in for a Patroni that does this with the instance's data. */
function patroni(script: string): ReturnType<typeof spawn> {
  const child = spawn('sh', ['-c', script, join(dir, 'patroni.yml')], { stdio: 'ignore', cwd: dir });
  writeFileSync(join(dir, 'patroni.pid'), String(child.pid));
  writeFileSync(join(dir, 'patroni.log'), 'the copy failed\n');
  return child;
}

it('an instance whose data is begun anew again and again is given up, and its log says why', () => {
  const child = patroni(
    'while :; do mkdir -p data; head -c 4M /dev/zero > data/1; sleep 1; rm data/1; sleep 1; done',
  );
  const ran = runSteps([ready('exit 2')]);
  child.kill();
  expect([ran.status, ran.stderr]).toEqual([
    1,
    'the copy failed\nits data was begun anew 5 times, and did not become whole\n',
  ]);
});

it('one whose copy is begun anew is told by the copy, however seldom it is looked at', () => {
  const attempts = 'for n in 1 2 3 4 5 6; do echo $n > data.attempt; sleep 0.7; done; sleep 30';
  const child = patroni(
    `rm -rf data; sleep 0.3; mkdir -p data.new; head -c 4M /dev/zero > data.new/1; ${attempts}`,
  );
  // Of an earlier operation, which does not count.
  writeFileSync(join(dir, 'data.attempt'), '17\n');
  const ran = runSteps([ready('exit 2')]);
  child.kill();
  rmSync(join(dir, 'data.new'), { recursive: true });
  rmSync(join(dir, 'data.attempt'));
  expect([ran.status, ran.stderr]).toEqual([
    1,
    'the copy failed\nits data was begun anew 5 times, and did not become whole\n',
  ]);
});

it('one that was begun anew once and then serves is ready', () => {
  const child = patroni(
    'mkdir -p data; head -c 4M /dev/zero > data/1; sleep 0.5; rm data/1; sleep 0.5; head -c 4M /dev/zero > data/1; touch up data/postmaster.pid; sleep 30',
  );
  const ran = runSteps([ready(`[ -e ${join(dir, 'up')} ] || exit 2; echo primary 17.6`)]);
  child.kill();
  expect(ran.outputs).toEqual([{ exitCode: 0, stdout: 'primary 17.6\n' }]);
});
