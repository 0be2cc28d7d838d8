import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { IS_READY } from '../../src/resources/host-scripts.ts';

const root = mkdtempSync(join(tmpdir(), 'pgctl-is-ready-'));
const programs = join(root, 'instance/bin/pg');
const [calls, answers] = [join(root, 'calls'), join(root, 'answers')];
afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeEach(() => {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(programs, { recursive: true });
  mkdirSync(join(root, 'real'));
  writeFileSync(join(programs, '../postgres-bin-dir'), `${join(root, 'real')}\n`);
  writeFileSync(join(programs, 'pg_isready'), IS_READY, { mode: 0o700 });
});

/** Of a Postgres that answers with these statuses, one after the other; the last one stays. */
function ask(
  statuses: readonly number[],
  first = ':',
): { readonly status: number | null; readonly stdout: string } {
  writeFileSync(answers, `${statuses.join('\n')}\n`);
  writeFileSync(
    join(root, 'real/pg_isready'),
    `#!/bin/sh
echo "$*" >> ${calls}
${first}
status=$(head -n 1 ${answers})
[ "$(wc -l < ${answers})" -eq 1 ] || sed -i 1d ${answers}
echo "says $status"
exit "$status"
`,
    { mode: 0o700 },
  );
  return spawnSync(join(programs, 'pg_isready'), ['-p', '5432', '-h', '/run/with space'], {
    encoding: 'utf8',
  });
}
const asked = (): string[] => readFileSync(calls, 'utf8').trimEnd().split('\n');

it.each([[0], [3]])('says at once what will not change: %i', (status) => {
  expect(ask([status])).toMatchObject({ status, stdout: `says ${status}\n` });
  expect(asked()).toEqual(['-p 5432 -h /run/with space']);
});

it('waits while nobody answers, and while Postgres starts, and says the last word only', () => {
  expect(ask([2, 2, 1, 0])).toMatchObject({ status: 0, stdout: 'says 0\n' });
  expect(asked()).toHaveLength(4);
});

it.each([[1], [2]])('gives the word back to Patroni within its second: %i', (status) => {
  const since = performance.now();
  expect(ask([status])).toMatchObject({ status, stdout: `says ${status}\n` });
  expect(performance.now() - since).toBeGreaterThan(650);
  expect(asked().length).toBeGreaterThan(2);
});

it('asks a Postgres that hangs no second time', () => {
  expect(ask([2], 'sleep 0.8')).toMatchObject({ status: 2, stdout: 'says 2\n' });
  expect(asked()).toHaveLength(1);
});
