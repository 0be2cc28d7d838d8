import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { PgctlError } from '../../src/errors.ts';
import { invalidSpec } from '../../src/spec/issue.ts';
import { specFromOptions } from '../../src/spec/options.ts';
import { readSpec, type ReadSpec } from '../../src/spec/read.ts';
import { MAX_BYTES } from '../../src/spec/text.ts';
import type { DatabaseSpec, SpecPositions, StoredSpec } from '../../src/spec/types.ts';
import type { App } from './app.ts';

/** A spec that was read and is valid. */
export interface GivenSpec {
  readonly spec: DatabaseSpec;
  readonly stored: StoredSpec;
  readonly positions: SpecPositions;
}

export interface SpecFlags {
  readonly file?: string;
  readonly hosts?: string;
  readonly port?: string;
  readonly postgresVersion?: string;
}

/** What a spec can be, and enough more to tell that there is more: a file need not have an end. */
async function readStart(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk as Uint8Array | string);
    chunks.push(bytes);
    size += bytes.length;
    if (size > MAX_BYTES) break;
  }
  return Buffer.concat(chunks);
}

/** Reads and validates a spec file, `-` for standard input. */
export async function readSpecFile(app: App, file: string): Promise<GivenSpec> {
  const stream = file === '-' ? app.io.stdin : createReadStream(file);
  const text = await readStart(stream).catch((cause: unknown) => {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new PgctlError('invalid_spec', `the spec ${file} cannot be read (${code})`, { cause });
  });
  return valid(readSpec({ text, file: file === '-' ? '<stdin>' : file }), file === '-' ? '<stdin>' : file);
}

function valid(read: ReadSpec, file: string): GivenSpec {
  if (read.ok) return read;
  throw invalidSpec(file, read.issues);
}

/** Declares the options that a spec comes from. */
export function addSpecOptions(command: Command): void {
  command
    .argument('[database]', 'id of the database, instead of a spec file')
    .option('-f, --file <file>', 'spec in YAML or JSON, - for standard input')
    .option('--hosts <ids>', 'hosts of the database, comma-separated; the first holds the primary')
    .option('--port <port>', 'port of Postgres (default: the lowest free one from 5432)')
    .option('--postgres-version <version>', 'such as 17 or 17.4 (default: the newest that all hosts have)');
}

/** The spec that the options name: a file, or an id with its hosts. */
export async function givenSpec(app: App, id: string | undefined, flags: SpecFlags): Promise<GivenSpec> {
  if (flags.file !== undefined) {
    if (id !== undefined || flags.hosts !== undefined) {
      throw new PgctlError('usage', 'a spec file and a database id with --hosts exclude each other');
    }
    return readSpecFile(app, flags.file);
  }
  if (id === undefined || flags.hosts === undefined) {
    throw new PgctlError('usage', 'nothing says what the database is to be', {
      hint: 'Give a spec with -f spec.yaml, or an id with its hosts: `pgctl db create shop --hosts host-1,host-2`.',
    });
  }
  return valid(
    specFromOptions({
      id,
      hosts: flags.hosts.split(',').map((host) => host.trim()),
      ...(flags.port === undefined ? {} : { port: flags.port }),
      ...(flags.postgresVersion === undefined ? {} : { postgresVersion: flags.postgresVersion }),
    }),
    'command line',
  );
}
