import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { instanceLogStep } from '../../src/resources/instance-log.ts';
import { process } from '../../src/resources/process.ts';
import { unit } from '../../src/resources/unit.ts';
import { runSteps } from '../steps/run-steps.ts';

const ID = 'shop.n1.host-1';
const dir = mkdtempSync(join(tmpdir(), 'pgctl-log-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const attributes = { instance_id: ID, dir, patroni: '/usr/bin/patroni', config_file: `${dir}/patroni.yml` };
const aUnit = unit('host-1', { ...attributes, database_uid: 'u', user: 'postgres' }, []);
const aProcess = process('host-1', attributes, []);

it('under systemd an instance’s log is the journal of its unit', () => {
  const step = instanceLogStep(ID, [aUnit], { lines: 20, follow: true });
  expect(step).toMatchObject({ args: [`pgctl-${ID}.service`, '20', 'yes'], account: 'admin' });
  expect(step?.script).toContain('journalctl');
});

it('without systemd it is the end of patroni.log, and nothing where there is none yet', () => {
  const read = (lines: number) => {
    const step = instanceLogStep(ID, [aProcess], { lines, follow: false });
    return step === null ? [] : runSteps([step]).outputs;
  };
  expect(read(2)).toEqual([{ exitCode: 0, stdout: '' }]);
  writeFileSync(join(dir, 'patroni.log'), 'one\ntwo\nthree\n');
  expect(read(2)).toEqual([{ exitCode: 0, stdout: 'two\nthree\n' }]);
  expect(read(0)).toEqual([{ exitCode: 0, stdout: '' }]);
});

it('there is none of an instance of which nothing was made', () => {
  expect(instanceLogStep('shop.n1.host-2', [aUnit, aProcess], { lines: 1, follow: false })).toBeNull();
});
