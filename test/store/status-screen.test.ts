import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { database, lockOf, storeOn } from './fixtures.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/pgctl.ts', import.meta.url));
const PATIENCE_MS = 20_000;

let etcd: Etcd;
let store: Store;
let directory: string;
let terminal: Terminal;

beforeAll(async () => {
  etcd = await startEtcd();
  store = storeOn(etcd);
  await store.prepareToChange();
  directory = mkdtempSync(join(tmpdir(), 'pgctl-screen-'));
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: directory,
    PGCTL_ENDPOINTS: etcd.endpoint,
    PGCTL_PREFIX: store.prefix,
  };
  terminal = await openTerminal({ directory, env, command: 'exec bash --norc --noprofile -i' });
});
afterAll(async () => {
  await terminal?.close();
  store.close();
  await etcd.stop();
  rmSync(directory, { recursive: true, force: true });
});

const shows = (text: RegExp): Promise<void> => terminal.shows(text, PATIENCE_MS);

/** Makes a database, so that there is something new to be shown. */
async function make(id: string): Promise<void> {
  const lock = await lockOf(store, id);
  await lock.commit([store.databases.write(database(id), 'absent')]);
  await lock.release();
}

/** The terminal as a shell needs it: its own page, a cursor, and lines that are typed in. */
async function expectUsable(): Promise<void> {
  const known = async (): Promise<string> =>
    [await terminal.knows('alternate_on'), await terminal.knows('cursor_flag')].join(' ');
  await expect.poll(known, { timeout: PATIENCE_MS }).toBe('0 1');
  await terminal.press('stty -a | grep -o " icanon\\| echo "; echo co""oked', 'Enter');
  await shows(/^ icanon *\n echo *\ncooked/m);
}

describe('status --watch on a terminal', () => {
  beforeEach(async () => {
    await terminal.press('clear', 'Enter');
    await terminal.press(`'${process.execPath}' --import tsx '${PROGRAM}' status --watch`, 'Enter');
    await shows(/^pgctl status \(q ends it\)/m);
  });

  test('gives the terminal back at Ctrl-Z, and says by fg how old it is until it is not', async () => {
    expect(await terminal.knows('alternate_on')).toBe('1');
    await terminal.press('C-z');
    await shows(/Stopped/);
    await expectUsable();

    await make('meanwhile');
    await delay(3_100);
    // So that what is read anew does not come before anybody has seen that it is old.
    etcd.pause();
    await terminal.press('fg', 'Enter');
    await shows(/^pgctl status as of \d+ s ago/m);
    expect(await terminal.screen()).not.toContain('meanwhile');
    expect(await terminal.knows('cursor_flag')).toBe('0');
    etcd.resume();
    await shows(/^pgctl status \(q ends it\)[^]*meanwhile/m);
    await make('afterwards');
    await shows(/afterwards/);
    await terminal.press('q');
    await expectUsable();
    expect(await terminal.screen()).not.toContain('afterwards');
  });

  test('does the same for a SIGTSTP of somebody else, as often as it comes', async () => {
    const shell = await terminal.knows('pane_pid');
    const [pid = ''] = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').split(' ');
    for (let times = 0; times < 2; times++) {
      process.kill(Number(pid), 'SIGTSTP');
      await shows(/Stopped/);
      expect(await terminal.knows('alternate_on')).toBe('0');
      await terminal.press('clear', 'Enter', 'fg', 'Enter');
      await shows(/^pgctl status \(q ends it\)/m);
    }
    await terminal.press('q');
    await expectUsable();
  });
});
