import { describe, expect, test } from 'vitest';
import { openLiveView } from '../../src/ui/live-view.ts';
import { showWatchedStatus, statusChanges } from '../../src/ui/views.ts';
import type { StatusDocument } from '../../src/ui/documents.ts';
import { database, instance } from './documents.ts';
import { ESC, Keyboard, Paper, PLAIN, visible } from './screen.ts';

function view(lines: readonly string[], rows = 5) {
  const stdout = new Paper({ isTTY: true, columns: 30, rows });
  const modes: boolean[] = [];
  const stdin = Object.assign(new Keyboard(true), { setRawMode: (on: boolean) => modes.push(on) });
  const ends: string[] = [];
  const shown = openLiveView({
    stdin,
    stdout,
    render: (columns) => [`${columns} columns`, ...lines].join('\n'),
    onEnd: (by) => ends.push(by),
  });
  return { stdout, stdin, shown, modes, ends };
}

describe('a live view', () => {
  test('has a page of its own, and gives the terminal back', () => {
    const { stdout, shown, modes } = view(['one']);
    shown.draw();
    shown.close();
    shown.close();
    shown.draw();
    expect(visible(stdout.text)).toMatchInlineSnapshot(`
      "␛[?1049h␛[?25l␛[?7l␛[H30 columns␛[0m␛[K␍
      one␛[0m␛[K␛[J␛[?7h␛[?25h␛[?1049l"
    `);
    expect(modes).toEqual([true, false]);
    expect(stdout.listenerCount('resize')).toBe(0);
  });

  test('is drawn anew at another size, and says how much of it there is no room for', () => {
    const { stdout, shown } = view(['one', 'two', 'three', 'four', 'five', 'six']);
    stdout.rows = 4;
    stdout.columns = 40;
    stdout.text = '';
    stdout.emit('resize');
    shown.close();
    const drawn = stdout.text.split(`${ESC}[J`)[0] ?? '';
    expect(visible(drawn).replaceAll('␛[0m␛[K', '')).toMatchInlineSnapshot(`
      "␛[H40 columns␍
      one␍
      two␍
      … 4 more lines; \`pgctl status\` shows them"
    `);
  });

  test('ends by q and by Ctrl-C, and by no other key', async () => {
    const { stdin, shown, ends } = view([]);
    for (const key of ['x', '\r', `${ESC}[A`, 'q', '\u0003']) stdin.write(key);
    await new Promise((resolve) => setImmediate(resolve));
    shown.close();
    expect(ends).toEqual(['q', 'interrupt']);
  });

  test('leaves a stdin alone that is no terminal', () => {
    const stdout = new Paper({ isTTY: true });
    const stdin = new Keyboard(false);
    openLiveView({ stdin, stdout, render: () => '', onEnd: () => undefined }).close();
    expect(stdin.listenerCount('data')).toBe(0);
  });
});

const status = (changes: Partial<StatusDocument> = {}): StatusDocument => ({
  kind: 'Status',
  databases: [database()],
  findings: [],
  ...changes,
});

describe('a watched status', () => {
  test.each([
    [null, null, 'pgctl status (q ends it)'],
    [4200, null, 'pgctl status as of 4 s ago (q ends it)'],
    [12_900, 'no', 'pgctl status as of 12 s ago: etcd does not answer (q ends it)'],
  ])('says how old it is: %s, %s', (ageMs, silence, title) => {
    const [first] = showWatchedStatus({ status: status(), ageMs, silence }, PLAIN).split('\n');
    expect(first).toBe(title);
  });
});

describe('what changes of a status', () => {
  const failedOver = status({
    databases: [
      database({
        state: 'degraded',
        instances: [
          instance(1, { state: 'unknown', role: null }),
          instance(2, { role: 'primary', pending_restart: true }),
          instance(4),
        ],
      }),
    ],
    findings: [
      { severity: 'error', subject: 'shop.n1.host-1', message: 'nothing is\nheard', remedy: null },
      { severity: 'info', subject: 'shop', message: 'alice works on it', remedy: null },
    ],
  });

  test('is a line each, from nothing all there is', () => {
    expect(statusChanges(null, status()).join('\n')).toMatchInlineSnapshot(`
      "shop: available
      shop.n1.host-1: available, primary
      shop.n1.host-2: available, replica
      shop.n1.host-3: available, replica"
    `);
    expect(statusChanges(status(), failedOver).join('\n')).toMatchInlineSnapshot(`
      "shop.n1.host-3: gone
      shop: available → degraded
      shop.n1.host-1: available, primary → unknown
      shop.n1.host-2: available, replica → available, primary, restart pending
      shop.n1.host-4: available, replica
      error: shop.n1.host-1: nothing is / heard"
    `);
    expect(statusChanges(failedOver, status()).at(-1)).toBe(
      'no longer: error: shop.n1.host-1: nothing is / heard',
    );
    expect(statusChanges(status(), status({ databases: [] }))[0]).toBe('shop: gone');
  });

  test('is nothing where only a lag is another', () => {
    const lags = (lag_bytes: number): StatusDocument =>
      status({
        databases: [database({ instances: [instance(2, { lag_bytes })] })],
        findings: [
          {
            severity: 'warning',
            subject: 'shop',
            message: `it is ${lag_bytes} MiB behind its primary`,
            remedy: null,
          },
        ],
      });
    expect(statusChanges(lags(17), lags(99))).toEqual([]);
  });
});
