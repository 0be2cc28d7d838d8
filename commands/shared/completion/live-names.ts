import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { type Named, readNames } from '../../../src/store/names.ts';
import { etcdConnection } from '../connection.ts';
import { readContextFile } from '../context-file.ts';
import { optionKey, VALUE_OPTIONS } from '../global-options.ts';
import { cacheDir, type Environment } from '../paths.ts';
import { readSettings, type Settings } from '../settings.ts';
import type { Live } from './kinds.ts';

export interface NamesQuery {
  readonly kind: Live;
  /** What was typed of the name. */
  readonly word: string;
  /** The command line, for its global options: another context has other names. */
  readonly words: readonly string[];
  readonly env: Environment;
  readonly limitMs: number;
}

const NAMED: Readonly<Record<Exclude<Live, 'context'>, Named>> = {
  database: 'database',
  instance: 'instance',
  host: 'host',
  hosts: 'host',
  task: 'task',
};

/** Names that begin with what was typed. @throws where they cannot be found out in time */
export async function namesFor(query: NamesQuery): Promise<readonly string[]> {
  const { kind, word, env } = query;
  if (kind === 'context') return matching([...(await readContextFile(env)).contexts.keys()], word);
  const names = await knownNames(NAMED[kind], query);
  if (kind !== 'hosts') return matching(names, word);
  // Of a list with commas the last one is completed, and none that is there already.
  const done = word.split(',').slice(0, -1);
  const last = word.split(',').at(-1) ?? '';
  return matching(names, last)
    .filter((name) => !done.includes(name))
    .map((name) => [...done, name].join(','));
}

const matching = (names: readonly string[], word: string): readonly string[] =>
  names.filter((name) => name.startsWith(word));

/** Values of global options on a command line that may be half typed. */
function optionsIn(words: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [at, word] of words.entries()) {
    for (const option of VALUE_OPTIONS) {
      const names = option.flags.split(/[ ,]+/).filter((name) => name.startsWith('-'));
      const inline = names.find((name) => word.startsWith(`${name}=`));
      // bash cuts `--context=lab` into three words.
      const next = words[at + 1] === '=' ? words[at + 2] : words[at + 1];
      const value =
        inline === undefined ? (names.includes(word) ? next : undefined) : word.slice(inline.length + 1);
      if (value !== undefined) found[optionKey(option)] = value;
    }
  }
  return found;
}

/** Two questions in a row are about the same names. */
const FRESH_MS = 3_000;
/** Where etcd does not answer in time, what it said a while ago is better than nothing. */
const STALE_MS = 60_000;

/** What it takes to give up, and to print what was known. */
const FALLBACK_MS = 40;

async function knownNames(named: Named, { words, env, limitMs }: NamesQuery): Promise<readonly string[]> {
  const begun = performance.now();
  const settings = await readSettings(optionsIn(words), env);
  const file = cacheFile(named, settings, env);
  const cached = await readCache(file);
  if (cached !== null && cached.ageMs < FRESH_MS) return cached.names;
  try {
    const connection = await etcdConnection(settings, env, () => undefined);
    const left = Math.max(1, Math.floor(limitMs - (performance.now() - begun) - FALLBACK_MS));
    const prefix = settings.get('prefix')?.value ?? '/pgctl';
    const names = await within(left, readNames({ ...connection, prefix, named, limitMs: left }));
    await writeCache(file, names).catch(() => undefined);
    return names;
  } catch (error) {
    if (cached !== null && cached.ageMs < STALE_MS) return cached.names;
    throw error;
  }
}

/** Each request has the limit, but a login is one more. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('too late'));
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** One file per etcd, prefix, user and kind. */
function cacheFile(named: Named, settings: Settings, env: Environment): string {
  const about = ['endpoints', 'prefix', 'etcd-user'].map((name) => settings.get(name)?.value ?? '');
  const digest = createHash('sha256').update(JSON.stringify(about)).digest('hex').slice(0, 16);
  return join(cacheDir(env), `names-${named}-${digest}`);
}

async function readCache(
  file: string,
): Promise<{ readonly names: readonly string[]; readonly ageMs: number } | null> {
  try {
    const [{ mtimeMs }, text] = await Promise.all([stat(file), readFile(file, 'utf8')]);
    return { names: text.split('\n').filter((name) => name !== ''), ageMs: Date.now() - mtimeMs };
  } catch {
    return null;
  }
}

async function writeCache(file: string, names: readonly string[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, names.map((name) => `${name}\n`).join(''), { mode: 0o600 });
  await rename(draft, file);
}
