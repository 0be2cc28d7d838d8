import { describe, expect, test } from 'vitest';
import { PgctlError } from '../../src/errors.ts';
import { FAILING } from './events.ts';
import { ESC, screen } from './screen.ts';

const DELETION = { question: 'This deletes database shop.', expected: 'shop' };

async function failure(promise: Promise<unknown>): Promise<PgctlError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof PgctlError)) throw new Error('it did not fail as it should');
  return thrown;
}

describe('a confirmation', () => {
  test('is the word, typed', async () => {
    const { ui, stdin, stdout, stderr } = screen({ terminal: true });
    const confirmed = ui.confirm(DELETION);
    stdin.write(' shop \n');
    await confirmed;
    expect(stderr.text).toBe('This deletes database shop.\nType shop to go on: ');
    expect(stdout.text).toBe('');
  });

  test('is not another word', async () => {
    const { ui, stdin } = screen({ terminal: true });
    const confirmed = failure(ui.confirm(DELETION));
    stdin.write('yes\n');
    const { code, exitCode, message, hint } = await confirmed;
    expect({ code, exitCode, message, hint }).toMatchInlineSnapshot(`
      {
        "code": "not_confirmed",
        "exitCode": 8,
        "hint": "Nothing was changed.",
        "message": "not confirmed: "yes" is not shop",
      }
    `);
  });

  test('is not the end of the input', async () => {
    const { ui, stdin } = screen({ terminal: true });
    const confirmed = failure(ui.confirm(DELETION));
    stdin.end();
    expect((await confirmed).code).toBe('not_confirmed');
  });

  test.each([
    ['without a terminal', { terminal: false }],
    ['with --no-input', { terminal: true, input: false }],
  ])('fails at once %s, naming the flag', async (_, options) => {
    const { ui, stderr } = screen(options);
    const { code, exitCode, hint, details } = await failure(ui.confirm(DELETION));
    expect({ code, exitCode, hint, details }).toEqual({
      code: 'confirmation_needed',
      exitCode: 8,
      hint: 'Pass --yes to answer in advance.',
      details: ['This deletes database shop.', 'Type shop to go on:'],
    });
    expect(stderr.text).toBe('');
  });
});

describe('a question', () => {
  test('returns the line as it was typed, and can be asked again', async () => {
    const { ui, stdin } = screen({ terminal: true });
    for (const line of ['yes ', '']) {
      const answer = ui.ask('Is that its key? [yes/no]', '--accept-host-key');
      stdin.write(`${line}\n`);
      expect(await answer).toBe(line);
    }
  });

  test('comes without anything that moves, and without what a terminal acts on', async () => {
    const { ui, stdin, stderr } = screen({ terminal: true, color: 'never' });
    for (const event of FAILING.slice(0, 5)) ui.report(event);
    const before = stderr.text.length;
    const answer = ui.ask(`The key of ${ESC}[2Jhost-1 is X. Is that so?`, '--yes');
    expect(stderr.text.slice(before).endsWith('The key of host-1 is X. Is that so? ')).toBe(true);
    stdin.write('yes\n');
    await answer;
    void ui.close();
  });
});
