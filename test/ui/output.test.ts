import { finished } from 'node:stream/promises';
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { PgctlError } from '../../src/errors.ts';
import { Secret } from '../../src/secret.ts';
import type { PgctlDocument } from '../../src/ui/documents.ts';
import { showDatabase } from '../../src/ui/views.ts';
import { database } from './documents.ts';
import { ESC, PLAIN, screen, visible } from './screen.ts';

const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;
const HOSTILE = `no${ESC}[2J${ESC}]0;owned\u0007 space\r\u009b31m\u202e`;
const FAILURE = new PgctlError('operation_failed', `phase 2 failed\nhint: ${HOSTILE}`, {
  hint: 'Free some space, then run it again.',
  details: [`host-2: ${HOSTILE}\nsecond line`, 'host-3: not reached'],
  taskId: '20260102-030405678-abc123',
  cause: new Error('ENOSPC', { cause: { code: 28 } }),
});

describe('the result', () => {
  test('is the text on stdout, and nothing else is there', () => {
    const { ui, stdout, stderr } = screen();
    ui.warn('the clock of host-2 is 3 s ahead');
    ui.result(database(), showDatabase);
    expect(stdout.text).toBe(`${showDatabase(database(), PLAIN)}\n`);
    expect(stderr.text).toBe('warning: the clock of host-2 is 3 s ahead\n');
  });

  test('fits the terminal’s width and is coloured there', () => {
    const { ui, stdout } = screen({ terminal: true, columns: 60 });
    ui.result(database(), showDatabase);
    expect(stdout.text).toContain(`${ESC}[32mavailable${ESC}[39m`);
    expect(
      visible(stdout.text)
        .replace(/<[^>]*>/g, '')
        .split('\n')
        .every((line) => line.length <= 60),
    ).toBe(true);
  });

  test.each(['json', 'yaml'] as const)(
    'is one document in %s, of everything the text is made of',
    (format) => {
      const { ui, stdout } = screen({ format, terminal: true });
      ui.result(database(), () => {
        throw new Error('the text is not asked for');
      });
      const read: PgctlDocument = format === 'json' ? JSON.parse(stdout.text) : parse(stdout.text);
      expect(read).toEqual(database());
      expect(stdout.text.endsWith('\n')).toBe(true);
    },
  );

  test.each(['json', 'yaml'] as const)('carries hostile text in %s unchanged, but escaped', (format) => {
    const { ui, stdout } = screen({ format });
    const document = { kind: 'X', error: HOSTILE, lines: `a\nb${HOSTILE}\u0085`, [`key ${HOSTILE}`]: 1 };
    ui.result(document, () => '');
    expect(format === 'json' ? JSON.parse(stdout.text) : parse(stdout.text)).toEqual(document);
    expect(stdout.text).not.toMatch(CONTROLS);
  });

  test.each(['text', 'json', 'yaml'] as const)('never shows a secret in %s', (format) => {
    const { ui, stdout } = screen({ format });
    ui.result(
      { kind: 'X', password: new Secret('hunter2') },
      ({ password }) => `password ${String(password)}`,
    );
    expect(stdout.text).not.toContain('hunter2');
  });

  test('is harmless in text, whatever a record or an argument holds', () => {
    for (const terminal of [true, false]) {
      const { ui, stdout } = screen({ terminal });
      ui.result({ kind: 'X', error: HOSTILE }, ({ error }) => `${error} ${HOSTILE}`);
      expect(stdout.text).toBe('no space no space\n');
    }
  });
});

describe('an error', () => {
  test('says in text what happened, the details, what to do and the task', () => {
    const { ui, stdout, stderr } = screen();
    ui.error(FAILURE);
    expect(stdout.text).toBe('');
    expect(stderr.text).toMatchInlineSnapshot(`
      "error: phase 2 failed
        hint: no space
        host-2: no space
          second line
        host-3: not reached
      hint: Free some space, then run it again.
      task: 20260102-030405678-abc123
      "
    `);
    expect(stderr.text).not.toMatch(CONTROLS);
  });

  test('in colour', () => {
    const { ui, stderr } = screen({ terminal: true });
    ui.error(new PgctlError('not_found', 'no database shpo', { hint: 'Did you mean shop?' }));
    expect(visible(stderr.text)).toMatchInlineSnapshot(`
      "<red>error:</> no database shpo
      <cyan>hint:</> Did you mean shop?
      "
    `);
  });

  test('says with -v what caused it, and with -vv where', () => {
    const causes = screen({ verbosity: 1 });
    causes.ui.error(FAILURE);
    expect(causes.stderr.text).toContain('  caused by: ENOSPC\n  caused by: { code: 28 }\nhint:');
    const stacks = screen({ verbosity: 2 });
    stacks.ui.error(FAILURE);
    expect(stacks.stderr.text).toMatch(/caused by: Error: ENOSPC\n +at /);
  });

  test.each(['json', 'yaml'] as const)('is the document in %s', (format) => {
    const { ui, stdout, stderr } = screen({ format });
    ui.error(FAILURE);
    expect(stderr.text).toBe('');
    expect(format === 'json' ? JSON.parse(stdout.text) : parse(stdout.text)).toEqual({
      kind: 'Error',
      code: 'operation_failed',
      message: FAILURE.message,
      hint: FAILURE.hint,
      retriable: true,
      task_id: FAILURE.taskId,
      details: FAILURE.details,
    });
  });

  test('without a hint, details or a task says so by leaving them out', () => {
    const { ui, stdout } = screen({ format: 'json' });
    ui.error(new PgctlError('usage', 'no such option'));
    expect(stdout.text).toMatchInlineSnapshot(`
      "{
        "kind": "Error",
        "code": "usage",
        "message": "no such option",
        "hint": null,
        "retriable": false
      }
      "
    `);
  });

  test('after the result does not make a second document', () => {
    const { ui, stdout, stderr } = screen({ format: 'json' });
    ui.result({ kind: 'X' }, () => '');
    ui.error(new PgctlError('host_unreachable', 'host-2 does not answer'));
    expect(JSON.parse(stdout.text)).toEqual({ kind: 'X' });
    expect(stderr.text).toBe('error: host-2 does not answer\n');
  });
});

describe('a reader that goes away', () => {
  class Closed extends Writable {
    writes = 0;
    constructor(readonly code: string) {
      super({ autoDestroy: false });
    }
    override _write(_chunk: Buffer, _encoding: string, done: (error: Error) => void): void {
      this.writes++;
      done(Object.assign(new Error(this.code), { code: this.code }));
    }
  }

  test('ends the output, not the operation', async () => {
    const stdout = new Closed('EPIPE');
    const stderr = new Closed('EPIPE');
    const { ui } = screen({ stdout, stderr });
    for (let i = 0; i < 3; i++) {
      ui.warn('one');
      ui.result({ kind: 'X' }, () => 'two');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect([stdout.writes, stderr.writes]).toEqual([1, 1]);
  });

  test.each(['ENOSPC', 'EIO'])('for %s is the same, and what is lost of the result is said', async (code) => {
    const stdout = new Closed(code);
    const { ui, stderr } = screen({ stdout });
    for (let i = 0; i < 2; i++) {
      ui.result({ kind: 'X' }, () => 'two');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(stderr.text).toMatch(/^warning: the result could not be written to the standard output: .*\n$/);
    const silent = screen({ stderr: new Closed(code) });
    silent.ui.warn('one');
    await new Promise((resolve) => setImmediate(resolve));
    silent.ui.result({ kind: 'X' }, () => 'two');
    expect(silent.stdout.text).toBe('two\n');
  });

  test('by destroying the stream does not matter either', async () => {
    const { ui, stdout } = screen();
    stdout.destroy();
    await finished(stdout).catch(() => undefined);
    expect(() => ui.result({ kind: 'X' }, () => 'two')).not.toThrow();
  });
});
