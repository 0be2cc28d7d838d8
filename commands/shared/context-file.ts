import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Document } from 'yaml';
import { PgctlError } from '../../src/errors.ts';
import { didYouMean } from '../../src/spec/nearest.ts';
import { CONTEXT_KEYS } from './global-options.ts';
import { configDir, type Environment } from './paths.ts';

/** Settings of one cluster, by the names of the global options with `_` for `-`. */
export type ContextSettings = Readonly<Record<string, string>>;

/** `config.yaml` as it was read. Nothing in it was judged yet but that it is YAML with contexts in it. */
export interface ContextFile {
  readonly file: string;
  /** Null where there is no file. */
  readonly document: Document | null;
  /** The name that `current` gives; null for none. */
  readonly current: string | null;
  readonly contexts: ReadonlyMap<string, unknown>;
}

export const contextFile = (env: Environment): string => join(configDir(env), 'config.yaml');

const SHAPE =
  'It looks like this:\n  current: prod\n  contexts:\n    prod:\n      endpoints: [http://10.0.0.5:2379]';

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** At once: Node takes longer to load what reads files by promises than to read this one. Null where there is none. */
function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new PgctlError('usage', `${file} cannot be read (${code})`, { cause });
  }
}

/** @throws PgctlError `usage` for a file that cannot be read, or is not what it should be */
export async function readContextFile(env: Environment): Promise<ContextFile> {
  const file = contextFile(env);
  const text = readText(file);
  if (text === null) return { file, document: null, current: null, contexts: new Map() };
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) {
    const [place] = problem.linePos ?? [];
    // The parser's own words repeat what they stumbled on.
    throw new PgctlError(
      'usage',
      `${file}:${place?.line ?? 1}:${place?.col ?? 1}: this is not YAML (${problem.code})`,
      { hint: SHAPE },
    );
  }
  const config: unknown = document.toJS();
  const { current, contexts } = isMap(config) ? config : { current: null, contexts: null };
  const wrong =
    (config !== null && !isMap(config)) ||
    (contexts !== undefined && contexts !== null && !isMap(contexts)) ||
    (current !== undefined && current !== null && typeof current !== 'string');
  if (wrong) throw new PgctlError('usage', `${file} is not a file of contexts`, { hint: SHAPE });
  return {
    file,
    document,
    current: typeof current === 'string' ? current : null,
    contexts: new Map(isMap(contexts) ? Object.entries(contexts) : []),
  };
}

/** The settings of a context that has to be there. @throws PgctlError `usage`; values are never repeated */
export function settingsOf({ file, document, contexts }: ContextFile, name: string): ContextSettings {
  if (document === null) throw new PgctlError('usage', `there is no context ${name}: ${file} does not exist`);
  const found = contexts.get(name);
  if (!contexts.has(name)) {
    const known = [...contexts.keys()];
    const near = didYouMean(name, known);
    throw new PgctlError(
      'usage',
      `there is no context ${name} in ${file}; it has: ${known.join(', ') || 'none'}`,
      near === '' ? {} : { hint: near },
    );
  }
  if (found === null) return {};
  if (!isMap(found)) throw unfit(`context ${name} in ${file} is not a map of settings`);
  return Object.fromEntries(
    Object.entries(found).flatMap(([key, value]) => {
      if (!CONTEXT_KEYS.includes(key)) {
        const near = didYouMean(key, CONTEXT_KEYS) || `it can have: ${CONTEXT_KEYS.join(', ')}`;
        throw unfit(`context ${name} in ${file} has an unknown setting ${key}`, near);
      }
      if (value === null) return [];
      const parts: readonly unknown[] = Array.isArray(value) ? value : [value];
      if (parts.some((part) => typeof part === 'object'))
        throw unfit(`${key} of context ${name} in ${file} is neither a value nor a list of values`);
      return [[key, parts.map(String).join(',')]];
    }),
  );
}

const unfit = (message: string, hint: string = SHAPE): PgctlError =>
  new PgctlError('usage', message, { hint });

/** Makes a context the current one; the rest of the file, comments too, stays. Only its owner may read it then. */
export async function writeCurrent({ file, document }: ContextFile, name: string): Promise<void> {
  document?.set('current', name);
  try {
    // Where the file is a link into somebody's own collection, what it leads to is what is written.
    const real = await realpath(file);
    const draft = `${real}.${randomBytes(6).toString('hex')}`;
    try {
      // As it was written by hand, as far as the library can: no line is folded, nothing is padded.
      const text = document?.toString({ lineWidth: 0, flowCollectionPadding: false }) ?? '';
      await writeFile(draft, text, { mode: 0o600, flag: 'wx' });
      await chmod(draft, 0o600);
      await rename(draft, real);
    } finally {
      await rm(draft, { force: true });
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new PgctlError('usage', `${file} cannot be written (${code})`, { cause });
  }
}
