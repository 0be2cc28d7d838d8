import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { main } from '../../commands/main.ts';
import type { Io } from '../../commands/shared/app.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A home in which nothing of pgctl's is. */
export function emptyHome(): { readonly home: string; readonly remove: () => void } {
  const home = mkdtempSync(join(tmpdir(), 'pgctl-home-'));
  return { home, remove: () => rmSync(home, { recursive: true, force: true }) };
}

interface Given {
  readonly env?: Record<string, string>;
  readonly stdin?: string | Uint8Array;
}

/** Runs one command line in this process, with streams and an environment of its own. */
export const pgctl = (argv: readonly string[], given: Given = {}): Promise<Outcome> =>
  captured((io) => main(argv, io), given);

/** Runs something with streams and an environment of its own. */
export async function captured(run: (io: Io) => Promise<number>, given: Given = {}): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        written[name] += chunk.toString('utf8');
        done();
      },
    });
  const code = await run({
    env: given.env ?? {},
    stdin: Readable.from([Buffer.from(given.stdin ?? '')]),
    stdout: stream('stdout'),
    stderr: stream('stderr'),
  });
  return { code, ...written };
}
