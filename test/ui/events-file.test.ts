import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { PgctlError } from '../../src/errors.ts';
import { openEvents } from '../../src/ui/events-file.ts';
import { pgctl } from '../commands/run.ts';
import { FAILING } from './events.ts';
import { screen } from './screen.ts';

const dir = mkdtempSync(join(tmpdir(), 'pgctl-events-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const PROGRAM = fileURLToPath(new URL('../../bin/pgctl.ts', import.meta.url));

function linesOf(file: string): Record<string, unknown>[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('events', () => {
  test('are a line each of everything that is reported, also where nothing of it is shown', async () => {
    const file = join(dir, 'all.jsonl');
    const { ui, stdout, stderr } = screen({ events: openEvents(file), quiet: true, format: 'json' });
    for (const event of FAILING) ui.report(event);
    ui.warn('careful');
    ui.error(new PgctlError('operation_failed', 'it failed', { taskId: 't1', hint: 'Again.' }));
    await ui.close();
    expect(JSON.parse(stdout.text)).toMatchObject({ kind: 'Error' });
    expect(stderr.text).toBe('warning: host-2: its clock is 3 s ahead\nwarning: careful\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const lines = linesOf(file);
    expect(lines.map(({ kind }) => kind)).toEqual([...FAILING.map(({ kind }) => kind), 'warning', 'error']);
    expect(lines.every(({ v, at }) => v === 1 && !Number.isNaN(Date.parse(String(at))))).toBe(true);
    expect(lines.find(({ kind }) => kind === 'event_finished')).toMatchObject({
      v: 1,
      host_id: 'host-2',
      outcome: 'ok',
      duration_ms: 850,
      resource: { type: 'instance', id: 'shop.n1.host-2' },
    });
    expect(lines.at(-1)).toMatchObject({ code: 'operation_failed', task_id: 't1', hint: 'Again.' });
    expect(readFileSync(file, 'utf8')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  test('are added to a file that is there', async () => {
    const file = join(dir, 'twice.jsonl');
    for (const message of ['one', 'two']) {
      const events = openEvents(file);
      events.report({ kind: 'warning', message });
      await events.close();
    }
    expect(linesOf(file).map(({ message }) => message)).toEqual(['one', 'two']);
  });

  test('that cannot be written end nothing', async () => {
    const events = openEvents('/dev/full');
    for (let i = 0; i < 3; i++) {
      for (const event of FAILING) events.report(event);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await events.close();
  });

  test.each(['/no/such/dir/x', '0', '1', '77', dir])(
    'cannot go to %s, which is told at once',
    async (target) => {
      const { code, stdout } = await pgctl(['spec', 'schema', '-o', 'json', '--events', target]);
      expect([code, JSON.parse(stdout)]).toMatchObject([64, { kind: 'Error', code: 'usage' }]);
    },
  );

  const run = (target: string, argv: readonly string[]) =>
    spawn(process.execPath, ['--import', 'tsx', PROGRAM, ...argv, '--events', target], {
      env: { PATH: process.env['PATH'] ?? '', HOME: dir },
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    });

  test('go to a descriptor', async () => {
    const child = run('3', ['db', 'list', '--endpoints', 'nonsense:x', '-o', 'json']);
    let text = '';
    child.stdio[3]?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    expect(await once(child, 'close')).toEqual([64, null]);
    expect(JSON.parse(text)).toMatchObject({ v: 1, kind: 'error', code: 'usage' });
  });

  test('end nothing where their reader goes', async () => {
    const child = run('3', ['db', 'list', '--endpoints', 'nonsense:x']);
    child.stdio[3]?.destroy();
    expect(await once(child, 'close')).toEqual([64, null]);
  });
});
