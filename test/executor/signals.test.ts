import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { PgctlError } from '../../src/errors.ts';
import {
  endUnlessHeard,
  type Interruption,
  isSignal,
  listenForSignals,
  unlessAborted,
} from '../../src/executor/signals.ts';

const said: string[] = [];
let open: { dispose(): void }[] = [];

function listen(graceMs = 60_000): Interruption {
  const interruption = listenForSignals({ say: (message) => said.push(message), graceMs });
  open.push(interruption);
  return interruption;
}

afterEach(() => {
  for (const each of open) each.dispose();
  open = [];
  said.length = 0;
});

const fired = ({ stop, kill }: Interruption): [stop: boolean, kill: boolean] => [stop.aborted, kill.aborted];

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s', (signal, exitCode) => {
  test('stops what is not begun, and a second one ends what runs', () => {
    const interruption = listen();
    interruption.begin('t1');
    expect(fired(interruption)).toEqual([false, false]);
    process.emit(signal);
    expect(fired(interruption)).toEqual([true, false]);
    process.emit(signal);
    expect(fired(interruption)).toEqual([true, true]);
    const reason = interruption.stop.reason as PgctlError;
    expect([reason.exitCode, isSignal(reason)]).toEqual([exitCode, true]);
    expect(reason.hint).toContain('pgctl task resume t1');
    expect(said).toEqual([
      `${signal}: starting nothing more and waiting for what runs; once more, or 60 s, ends that too`,
      `${signal} again: ending what runs`,
    ]);
  });

  test('before there is anything to finish says that nothing was changed', () => {
    const { stop } = listen();
    process.emit(signal);
    expect(stop.reason).toMatchObject({ exitCode, hint: 'Nothing was changed.' });
    expect(said).toEqual([]);
  });

  test('ends a command where nobody else listens for it', () => {
    const ending = endUnlessHeard();
    open.push(ending);
    const interruption = listen();
    process.emit(signal);
    expect(ending.signal.aborted).toBe(false);
    interruption.dispose();
    process.emit(signal);
    expect(ending.signal.reason).toMatchObject({ exitCode });
  });
});

describe('what is told to stop', () => {
  const canceled = new PgctlError('canceled', 'canceled by ann');

  test.each<[title: string, tell: (interruption: Interruption) => void]>([
    ['by a signal', () => process.emit('SIGTERM')],
    ['by somebody else', (interruption) => interruption.stopFor(canceled)],
  ])('%s is ended when its grace period is over', async (_, tell) => {
    const interruption = listen(50);
    interruption.begin('t1');
    tell(interruption);
    expect(fired(interruption)).toEqual([true, false]);
    await delay(120);
    expect(fired(interruption)).toEqual([true, true]);
    expect(interruption.kill.reason).toBe(interruption.stop.reason);
  });

  test('and has ended by then is left alone', async () => {
    const interruption = listen(20);
    process.emit('SIGTERM');
    interruption.dispose();
    await delay(60);
    expect(interruption.kill.aborted).toBe(false);
  });

  test('keeps its first reason', () => {
    const interruption = listen();
    interruption.stopFor(canceled);
    interruption.stopFor(new PgctlError('canceled', 'canceled by bob'));
    expect(interruption.stop.reason).toBe(canceled);
    process.emit('SIGINT');
    expect([interruption.stop.reason, (interruption.kill.reason as PgctlError).code]).toEqual([
      canceled,
      'sigint',
    ]);
  });
});

describe('waiting for something unless it is aborted', () => {
  const reason = new PgctlError('sigint', 'stopped');

  test('gives what it comes to, and its error', async () => {
    const { signal } = new AbortController();
    await expect(unlessAborted(signal, Promise.resolve(1))).resolves.toBe(1);
    await expect(unlessAborted(signal, Promise.reject(reason))).rejects.toBe(reason);
  });

  test.each([
    ['before', 0],
    ['meanwhile', 10],
  ])('ends with the reason of a signal that fires %s', async (_, ms) => {
    const abort = new AbortController();
    if (ms === 0) abort.abort(reason);
    else setTimeout(() => abort.abort(reason), ms);
    const late = delay(50).then(() => {
      throw new Error('nobody waits for this any more');
    });
    await expect(unlessAborted(abort.signal, late)).rejects.toBe(reason);
    await delay(80);
  });
});
