import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { plainProgress } from '../../src/ui/progress-plain.ts';
import { terminalProgress } from '../../src/ui/progress-terminal.ts';
import { oraSpinner } from '../../src/ui/spinner.ts';
import type { Theme } from '../../src/ui/theme.ts';
import { FAILING } from './events.ts';
import { COLOR, ESC, Paper, PLAIN, screen, visible } from './screen.ts';

function plain(verbosity: number): string {
  const lines: string[] = [];
  const progress = plainProgress((line) => lines.push(line), verbosity);
  for (const event of FAILING) progress.report(event);
  return lines.join('\n');
}

describe('in a log', () => {
  test('every change of state is one plain line', () => {
    expect(plain(0)).toMatchInlineSnapshot(`
      "shop: checking the hosts
      shop: marking the planned work
      shop: create: 4 events in 2 phases, task 20260102-030405678-abc123
      phase 1/2: 3 events
      host-2: start shop.n1.host-2 … ok (850 ms)
      warning: host-2: its clock is 3 s ahead
      host-1: start shop.n1.host-1 … ok (2.3 s)
      pgctl: forget shop.n1.host-3 … outcome unknown (10 ms): the connection broke
      phase 1/2: done (2.4 s)
      phase 2/2: 1 event
      host-3: start shop.n1.host-3 … failed (1 m 05 s): pg_ctl: no / FATAL: no space
      phase 2/2: 1 failed (1 m 05 s)
      shop: create failed (1 m 08 s)"
    `);
  });

  test('-v tells what begins as well', () => {
    expect(
      plain(1)
        .split('\n')
        .filter((line) => line.endsWith('…')),
    ).toMatchInlineSnapshot(`
      [
        "host-1: start shop.n1.host-1 …",
        "host-2: start shop.n1.host-2 …",
        "host-3: start shop.n1.host-3 …",
      ]
    `);
  });
});

/** What is written, and in between what the spinner says. */
function terminal(theme: Theme): string {
  const lines: string[] = [];
  const progress = terminalProgress({
    theme,
    write: (line) => lines.push(line),
    spinner: { show: (text) => lines.push(`     ~ ${text}`), hide: () => lines.push('     ~') },
  });
  for (const event of FAILING) progress.report(event);
  return lines.join('\n');
}

describe('on a terminal', () => {
  test('every event that ended is a line, and what runs is below', () => {
    expect(terminal(PLAIN)).toMatchInlineSnapshot(`
      "     ~ shop: checking the hosts
           ~ shop: marking the planned work
      create shop: 4 events in 2 phases (task 20260102-030405678-abc123)
      Phase 1/2: 3 events
           ~ phase 1/2
           ~ phase 1/2: host-1: start shop.n1.host-1
           ~ phase 1/2: host-1: start shop.n1.host-1 and 1 more
        ✓ host-2: start shop.n1.host-2 (850 ms)
           ~ phase 1/2: host-1: start shop.n1.host-1
      warning: host-2: its clock is 3 s ahead
           ~ phase 1/2: host-1: start shop.n1.host-1
        ✓ host-1: start shop.n1.host-1 (2.3 s)
           ~ phase 1/2
        ? pgctl: forget shop.n1.host-3 outcome unknown (10 ms)
            the connection broke
           ~ phase 1/2
           ~ phase 1/2
      Phase 2/2: 1 event
           ~ phase 2/2
           ~ phase 2/2: host-3: start shop.n1.host-3
        ✗ host-3: start shop.n1.host-3 failed (1 m 05 s)
            pg_ctl: no
            FATAL: no space
           ~ phase 2/2
           ~ phase 2/2
      ✗ create shop failed (1 m 08 s)
           ~"
    `);
  });

  test('in colour', () => {
    const lines = visible(terminal(COLOR)).split('\n');
    expect(lines.filter((line) => !line.startsWith('     ~')).join('\n')).toMatchInlineSnapshot(`
      "<b>create shop</>: 4 events in 2 phases <faint>(task 20260102-030405678-abc123)</>
      <b>Phase 1/2: 3 events</>
        <green>✓</> <cyan>host-2</>: start shop.n1.host-2 <faint>(850 ms)</>
      <yellow>warning:</> host-2: its clock is 3 s ahead
        <green>✓</> <cyan>host-1</>: start shop.n1.host-1 <faint>(2.3 s)</>
        <yellow>?</> <cyan>pgctl</>: forget shop.n1.host-3 <yellow>outcome unknown</> <faint>(10 ms)</>
            <yellow>the connection broke</>
      <b>Phase 2/2: 1 event</>
        <red>✗</> <cyan>host-3</>: start shop.n1.host-3 <red>failed</> <faint>(1 m 05 s)</>
            <red>pg_ctl: no</>
      <red>      FATAL: no space</>
      <red>✗</> <b>create shop</> <red>failed</> <faint>(1 m 08 s)</>"
    `);
  });

  test('the spinner leaves nothing behind but the cursor', async () => {
    const stream = new Paper({ isTTY: true });
    const spinner = oraSpinner(stream, PLAIN);
    spinner.show(
      'phase 1/1: something that is much too long for a line of a terminal that has eighty columns only',
    );
    await until(() => stream.text.includes('phase 1/1'));
    expect(stream.text).toContain(`${ESC}[?25l`);
    expect(stream.text).toMatch(/phase 1\/1: something [^\n]*…/);
    stream.write('a line\n');
    spinner.hide();
    const last = stream.text.slice(stream.text.lastIndexOf('a line'));
    // Cleared, and the cursor is back.
    expect(last).toContain(`${ESC}[0K`);
    expect(last.endsWith(`${ESC}[?25h`)).toBe(true);
    const before = stream.text;
    await sleep(200);
    expect(stream.text).toBe(before);
  });

  test('a spinner that is hidden before it was loaded never shows', async () => {
    const stream = new Paper({ isTTY: true });
    const spinner = oraSpinner(stream, PLAIN);
    spinner.show('soon');
    spinner.hide();
    await sleep(300);
    expect(stream.text).toBe('');
  });
});

describe('which of them', () => {
  const run = (options: Parameters<typeof screen>[0]): string => {
    const { ui, stdout, stderr } = screen(options);
    for (const event of FAILING) ui.report(event);
    ui.close();
    expect(stdout.text).toBe('');
    return stderr.text;
  };

  test('a pipe gets the log, without any control character', () => {
    expect(run({})).toBe(`${plain(0)}\n`);
    expect(run({})).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  test('so does a terminal that cannot move its cursor, and JSON', () => {
    expect(run({ terminal: true, env: { TERM: 'dumb' } })).toBe(`${plain(0)}\n`);
    expect(run({ terminal: true, format: 'json' })).toBe(`${plain(0)}\n`);
    expect(run({ format: 'yaml', verbosity: 1 })).toBe(`${plain(1)}\n`);
  });

  test('a terminal gets the terminal’s', () => {
    expect(run({ terminal: true, color: 'never' })).toContain('  ✓ host-2: start shop.n1.host-2 (850 ms)\n');
  });

  test('-q gets nothing but warnings', () => {
    expect(run({ quiet: true })).toBe('warning: host-2: its clock is 3 s ahead\n');
    expect(run({ quiet: true, format: 'json' })).toBe('warning: host-2: its clock is 3 s ahead\n');
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await sleep(20);
  expect(condition()).toBe(true);
}
