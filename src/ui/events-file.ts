import { createWriteStream, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type PgctlError, PgctlError as UsageError } from '../errors.ts';
import { errorDocument } from './error-text.ts';
import type { ProgressEvent } from './events.ts';
import { toJsonLine } from './serialize.ts';

/** Of the lines' format: fields are added under it, and another number means that one went or changed. */
const VERSION = 1;
/** Characters that may wait for a reader who does not read; what comes after them is dropped. */
const MOST_UNREAD = 16 * 1024 * 1024;
/** How long the last lines may take to be read when all is done, in milliseconds. */
const CLOSE_MS = 2000;

/** Writes what happens as lines of JSON. Whatever becomes of them, it ends nothing. */
export interface EventsFile {
  report(event: ProgressEvent): void;
  error(error: PgctlError): void;
  /** Waits a little until everything is written. */
  close(): Promise<void>;
}

const NOWHERE: EventsFile = {
  report: () => undefined,
  error: () => undefined,
  close: () => Promise.resolve(),
};

/**
 * @param target a file, which is added to and made for nobody else to read, or the number of an open descriptor
 * @throws PgctlError `usage` where it cannot be opened: later nobody would miss the lines
 */
export function openEvents(target: string | null): EventsFile {
  if (target === null) return NOWHERE;
  const stream = openTarget(target);
  let broken = false;
  stream.on('error', () => {
    broken = true;
  });
  const write = (line: object): void => {
    if (broken || stream.destroyed || stream.writableLength > MOST_UNREAD) return;
    stream.write(`${toJsonLine({ v: VERSION, at: new Date().toISOString(), ...line })}\n`);
  };
  return {
    report: (event) => write(snakeCase(event) as object),
    error: (error) => write({ ...errorDocument(error), kind: 'error' }),
    async close() {
      if (!broken && !stream.destroyed) {
        const written = new Promise((resolve) => stream.end(resolve));
        await Promise.race([written, delay(CLOSE_MS, undefined, { ref: false })]);
      }
      stream.destroy();
    },
  };
}

function openTarget(target: string): Writable {
  const refuse = (why: string, cause?: unknown): PgctlError =>
    new UsageError('usage', `--events ${target}: ${why}`, {
      hint: 'Give a file, or the number of a descriptor that is open for writing, such as 3 with `3>events.jsonl`.',
      ...(cause === undefined ? {} : { cause }),
    });
  try {
    if (!/^\d+$/.test(target)) {
      return createWriteStream(target, { fd: openSync(target, 'a', 0o600) });
    }
    const fd = Number(target);
    if (fd <= 1) throw refuse(fd === 1 ? 'the result is there, and nothing else' : 'it is for reading');
    const stat = fstatSync(fd);
    // A pipe that nobody reads must not block: a socket of Node's waits beside everything else.
    if (stat.isFIFO() || stat.isSocket()) return new Socket({ fd, readable: false, writable: true });
    return createWriteStream('', { fd, autoClose: fd > 2 });
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw refuse(`it cannot be written to (${(cause as NodeJS.ErrnoException).code ?? 'error'})`, cause);
  }
}

/** Names of fields as all documents have them. */
function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeCase(item),
    ]),
  );
}
