import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import type { EventIdentity, ProgressEvent } from '../../src/ui/events.ts';
import { plainProgress } from '../../src/ui/progress-plain.ts';
import { terminalProgress } from '../../src/ui/progress-terminal.ts';
import { openRegion } from '../../src/ui/region.ts';
import { oraSpinner } from '../../src/ui/spinner.ts';
import type { Theme } from '../../src/ui/theme.ts';
import { FAILING } from './events.ts';
import { COLOR, ESC, Paper, PLAIN, screen, visible } from './screen.ts';

/** Takes away a region, from its first line on. */
const CLEAR = `\r${ESC}7${ESC}[K${ESC}[B${ESC}[J${ESC}8`;

function plain(verbosity: number): string {
  const lines: string[] = [];
  const progress = plainProgress((line) => lines.push(line), verbosity);
  for (const event of FAILING) progress.report(event);
  return lines.join('\n');
}

describe('in a log', () => {
  test('nothing that is new for half a minute is said to be still at work, and on what', () => {
    vi.useFakeTimers();
    try {
      const lines: string[] = [];
      const progress = plainProgress((line) => lines.push(line), 0);
      const start = FAILING.filter(({ kind }) => kind === 'event_started');
      const identity = start[0] as EventIdentity;
      progress.report({ kind: 'stage', name: 'refresh', entity: 'shop' });
      vi.advanceTimersByTime(31_000);
      progress.report({ kind: 'phase_started', entity: 'shop', number: 1, of: 2, events: 3 });
      for (const event of start) progress.report(event);
      progress.report({
        ...identity,
        kind: 'event_waiting',
        waitingFor: 'copying, 1 of 4 bytes',
        progress: null,
      });
      vi.advanceTimersByTime(29_000);
      expect(lines.at(-1)).toBe('phase 1/2: 3 events');
      vi.advanceTimersByTime(32_000);
      progress.report({
        ...identity,
        kind: 'event_finished',
        outcome: 'ok',
        durationMs: 61_000,
        error: null,
      });
      vi.advanceTimersByTime(29_000);
      progress.close();
      vi.advanceTimersByTime(90_000);
      expect(lines.join('\n')).toMatchInlineSnapshot(`
        "shop: looking at what is there
        shop: looking at what is there: still at it after 30.0 s
        phase 1/2: 3 events
        host-1: start shop.n1.host-1 … still at it after 30.0 s: copying, 1 B of 4 B (25 %)
        host-2: start shop.n1.host-2 … still at it after 30.0 s
        host-3: start shop.n1.host-3 … still at it after 30.0 s
        host-1: start shop.n1.host-1 … still at it after 1 m 00 s: copying, 1 B of 4 B (25 %)
        host-2: start shop.n1.host-2 … still at it after 1 m 00 s
        host-3: start shop.n1.host-3 … still at it after 1 m 00 s
        host-1: start shop.n1.host-1 … ok (1 m 01 s)"
      `);
    } finally {
      vi.useRealTimers();
    }
  });

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

/** What is written, and in between what the spinner says, on a clock that stands still unless it is moved. */
function terminal(
  theme: Theme,
  events: readonly (ProgressEvent | number)[] = FAILING,
  verbosity = 0,
): string {
  const lines: string[] = [];
  let now = 0;
  const progress = terminalProgress({
    theme,
    verbosity,
    now: () => now,
    write: (line) => lines.push(line),
    spinner: {
      show: (render) => {
        const shown = render();
        lines.push(
          [shown.title, ...shown.lines.map((line) => line.join(' ').trim())]
            .map((l) => `     ~ ${l}`)
            .join('\n'),
        );
      },
      above: (write) => write(),
      hide: () => lines.push('     ~'),
    },
  });
  for (const event of events) {
    if (typeof event === 'number') now += event;
    else progress.report(event);
  }
  return lines.join('\n');
}

describe('on a terminal', () => {
  test('every event that ended is a line, and what runs is below', () => {
    expect(terminal(PLAIN)).toMatchInlineSnapshot(`
      "     ~ shop: checking the hosts
           ~ shop: marking the planned work
      create shop: 4 events in 2 phases (task 20260102-030405678-abc123)
           ~ shop: marking the planned work
      Phase 1/2: 3 events
           ~ phase 1/2
           ~ phase 1/2
           ~ host-1: start shop.n1.host-1
           ~ phase 1/2
           ~ host-1: start shop.n1.host-1
           ~ host-2: start shop.n1.host-2
        ✓ host-2: start shop.n1.host-2 (850 ms)
           ~ phase 1/2
           ~ host-1: start shop.n1.host-1
      warning: host-2: its clock is 3 s ahead
           ~ phase 1/2
           ~ host-1: start shop.n1.host-1
        ✓ host-1: start shop.n1.host-1 (2.3 s)
           ~ phase 1/2
        ? pgctl: forget shop.n1.host-3 outcome unknown (10 ms)
            the connection broke
           ~ phase 1/2
           ~ phase 1/2
      Phase 2/2: 1 event
           ~ phase 2/2
           ~ phase 2/2
           ~ host-3: start shop.n1.host-3
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

  test('what runs says after a few seconds what it waits for', () => {
    const [start] = FAILING.filter(({ kind }) => kind === 'event_started');
    const identity = start as EventIdentity;
    const waiting = (waitingFor: string): ProgressEvent => ({
      ...identity,
      kind: 'event_waiting',
      waitingFor,
      progress: null,
    });
    const shown = terminal(PLAIN, [
      { kind: 'phase_started', entity: 'shop', number: 1, of: 2, events: 3 },
      start as ProgressEvent,
      2000,
      waiting('waiting for Postgres to start, 2048 bytes of data'),
      2000,
      waiting(`copying the data from the primary, 1048576 of 4194304 bytes${ESC}[2J`),
      { ...waiting('nobody'), id: 'another' } as ProgressEvent,
    ]);
    expect(shown.split('\n').slice(-6).join('\n')).toMatchInlineSnapshot(`
      "     ~ phase 1/2 (2 s)
           ~ host-1: start shop.n1.host-1 (2 s)
           ~ phase 1/2 (4 s)
           ~ host-1: start shop.n1.host-1 (4 s) copying the data from the primary, 1.0 MiB of 4.0 MiB (25 %)
           ~ phase 1/2 (4 s)
           ~ host-1: start shop.n1.host-1 (4 s) copying the data from the primary, 1.0 MiB of 4.0 MiB (25 %)"
    `);
  });

  test('the spinner leaves nothing behind but the cursor', async () => {
    const stream = new Paper({ isTTY: true });
    const spinner = oraSpinner(stream, PLAIN);
    spinner.show(() => ({
      title:
        'phase 1/1: something that is much too long for a line of a terminal that has eighty columns only',
      lines: [
        ['host-1: start shop.n1.host-1 (4 s)', 'copying the data from the primary, 12.0 MiB of 48.0 MiB'],
      ],
    }));
    await until(() => stream.text.includes('phase 1/1'));
    expect(stream.text.startsWith(`${ESC}[?25l${CLEAR}`)).toBe(true);
    const [, drawn = ''] = stream.text.split(CLEAR);
    // Two lines that fit, and the cursor back at the beginning of the first.
    expect(drawn.split('\n').map((line) => line.replace(/\r.*/s, '').length)).toEqual([79, 79]);
    expect(drawn).toContain(`\r${ESC}[1A`);
    spinner.above(() => stream.write('a line\n'));
    expect(stream.text).toContain(`${CLEAR}${ESC}[?25ha line\n${ESC}[?25l${CLEAR}`);
    spinner.hide();
    expect(stream.text.endsWith(`${CLEAR}${ESC}[?25h`)).toBe(true);
    const before = stream.text;
    await sleep(200);
    expect(stream.text).toBe(before);
  });

  test('the spinner is drawn anew for another width, with as many lines as there is room for', async () => {
    const stream = new Paper({ isTTY: true, rows: 8 });
    const spinner = oraSpinner(stream, PLAIN);
    const lines = Array.from({ length: 20 }, (_, at): [string, string] => [`host-${at}: start`, 'waiting']);
    spinner.show(() => ({ title: 'phase 1/1', lines }));
    await until(() => stream.text.includes('phase 1/1'));
    stream.columns = 14;
    stream.text = '';
    stream.emit('resize');
    expect(visible(stream.text)).toMatchInlineSnapshot(`
      "␛[?25l␍␛7␛[K␛[B␛[J␛8⠋ phase 1/1
        host-0: st…
        host-1: st…
        host-2: st…
        and 17 more␍␛[4A"
    `);
    spinner.hide();
    expect(stream.listenerCount('resize')).toBe(0);
  });

  test('a region leaves signals to the command, and goes where pgctl ends', () => {
    const stream = new Paper({ isTTY: true });
    const region = openRegion(stream);
    const listening = (): number[] =>
      ['SIGINT', 'SIGTERM', 'exit'].map((name) => process.listenerCount(name));
    const before = listening();
    region.draw(['one', 'two']);
    expect(listening()).toEqual([before[0], before[1], (before[2] ?? 0) + 1]);
    const onExit = process.listeners('exit').at(-1) as () => void;
    onExit();
    expect(stream.text.endsWith(`${CLEAR}${ESC}[?25h`)).toBe(true);
    expect(listening()).toEqual(before);
  });

  test('a spinner that is hidden before it was loaded never shows', async () => {
    const stream = new Paper({ isTTY: true });
    const spinner = oraSpinner(stream, PLAIN);
    spinner.show(() => ({ title: 'soon', lines: [] }));
    spinner.hide();
    await sleep(300);
    expect(stream.text).toBe('');
  });
});

describe('what is run on hosts', () => {
  const JOB: readonly ProgressEvent[] = [
    {
      kind: 'job_started',
      hostId: 'host-1',
      steps: ['start unit', 'wait for it'],
      scripts: ['# start unit\nsystemctl start "$1"', `echo ${ESC}[2J`],
    },
    {
      kind: 'job_finished',
      hostId: 'host-1',
      steps: ['start unit', 'wait for it'],
      outcome: 'exit status 1',
      durationMs: 2300,
      output: 'no such\n  unit',
    },
  ];
  const bare = JOB.map((event) => ({
    ...event,
    ...('scripts' in event ? { scripts: null } : { output: null }),
  }));

  test.each([
    [0, JOB],
    [1, bare as ProgressEvent[]],
    [2, JOB],
  ])('is shown with -v by its steps, with -vv in full: %s', (verbosity, events) => {
    const lines: string[] = [];
    const progress = plainProgress((line) => lines.push(line), verbosity);
    for (const event of events) progress.report(event);
    progress.close();
    const shown = lines.join('\n');
    expect(terminal(PLAIN, events, verbosity)).toBe(shown);
    if (verbosity === 0) expect(shown).toBe('');
    if (verbosity === 1) expect(shown).toBe('host-1$ start unit; wait for it');
    if (verbosity === 2) {
      expect(shown).toBe(
        [
          'host-1$ start unit; wait for it',
          '    # start unit',
          '    systemctl start "$1"',
          '    echo',
          'host-1$ start unit; wait for it … exit status 1 (2.3 s)',
          '    no such',
          '      unit',
        ].join('\n'),
      );
    }
  });
});

describe('which of them', () => {
  const run = (options: Parameters<typeof screen>[0]): string => {
    const { ui, stdout, stderr } = screen(options);
    for (const event of FAILING) ui.report(event);
    void ui.close();
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
