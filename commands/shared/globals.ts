import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command, OptionValues } from 'commander';
import { PgctlError } from '../../src/errors.ts';
import { Secret } from '../../src/secret.ts';
import { parseEndpoints as endpointsOf } from '../../src/store/endpoints.ts';
import { parseDuration } from './durations.ts';
import { configDir, type Environment, localEtcdFile } from './paths.ts';

interface GlobalOption {
  readonly flags: string;
  readonly env?: string;
  readonly summary: string;
}

/** Every global option: its flag, the variable that stands in for it, and what it means. */
export const GLOBAL_OPTIONS: readonly GlobalOption[] = [
  {
    flags: '--endpoints <urls>',
    env: 'PGCTL_ENDPOINTS',
    summary: 'etcd, comma-separated (default: the context, else `local up`)',
  },
  { flags: '--cacert <file>', env: 'PGCTL_CACERT', summary: 'CA that signed the certificates of etcd' },
  { flags: '--cert <file>', env: 'PGCTL_CERT', summary: 'client certificate for etcd' },
  { flags: '--key <file>', env: 'PGCTL_KEY', summary: 'its private key' },
  { flags: '--etcd-user <name>', env: 'PGCTL_ETCD_USER', summary: 'user in etcd' },
  {
    flags: '--etcd-password-file <file>',
    env: 'PGCTL_ETCD_PASSWORD_FILE',
    summary: "file with that user's password",
  },
  {
    flags: '--prefix <prefix>',
    env: 'PGCTL_PREFIX',
    summary: 'prefix of all keys in etcd (default: /pgctl)',
  },
  { flags: '--context <name>', env: 'PGCTL_CONTEXT', summary: 'entry of config.yaml to take settings from' },
  { flags: '-o, --output <format>', env: 'PGCTL_OUTPUT', summary: 'text, json or yaml (default: text)' },
  { flags: '-y, --yes', summary: 'answer confirmations with yes' },
  { flags: '--no-input', summary: 'never ask' },
  { flags: '-q, --quiet', summary: 'no progress' },
  { flags: '-v, --verbose', summary: 'say more; twice for everything' },
  {
    flags: '--events <target>',
    env: 'PGCTL_EVENTS',
    summary: 'also write what happens as JSON lines, to a file or, as a number, an open descriptor',
  },
  { flags: '--color <when>', summary: 'auto, always or never (default: auto)' },
  {
    flags: '--parallel <n>',
    env: 'PGCTL_PARALLEL',
    summary: 'children at a time, over all hosts (default: 16)',
  },
  { flags: '--timeout <duration>', summary: 'limit of one step on a host (default: none)' },
  { flags: '--connect-timeout <duration>', summary: 'limit for reaching a host (default: 10s)' },
  { flags: '--lock-timeout <duration>', summary: "how long to wait for a database's lock (default: 0)" },
];

const OUTPUT_FORMATS = ['text', 'json', 'yaml'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];
const COLOR_MODES = ['auto', 'always', 'never'] as const;

/** Settings that hold for every command, from flag, environment, context file and default, in this order. */
export interface Globals {
  readonly output: OutputFormat;
  readonly yes: boolean;
  readonly input: boolean;
  readonly quiet: boolean;
  readonly verbosity: number;
  readonly color: (typeof COLOR_MODES)[number];
  readonly parallel: number;
  readonly timeoutMs: number | null;
  readonly connectTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly prefix: string;
  /** Where events go: a file's name or the number of an open descriptor; null for nowhere. */
  readonly events: string | null;
}

export function addGlobalOptions(program: Command): void {
  for (const { flags, env, summary } of GLOBAL_OPTIONS) {
    const help = env === undefined ? summary : `${summary} [${env}]`;
    if (flags.startsWith('-v')) program.option(flags, help, (_: string, before: number) => before + 1, 0);
    else program.option(flags, help);
  }
}

/** Names of the global options that take a value, for finding the command's words among the arguments. */
export function takesValue(word: string): boolean {
  return GLOBAL_OPTIONS.some(({ flags }) => flags.includes('<') && flags.split(/[ ,]+/).includes(word));
}

function oneOf<T extends string>(words: readonly T[], given: string, option: string): T {
  const found = words.find((word) => word === given);
  if (found !== undefined) return found;
  throw new PgctlError('usage', `${option}: ${JSON.stringify(given)} is not one of ${words.join(', ')}`);
}

/** The value of a setting from its flag, else its variable. */
function given(options: OptionValues, env: Environment, name: string, variable?: string): string | undefined {
  const flag = options[name] as string | undefined;
  return flag ?? (variable === undefined || env[variable] === '' ? undefined : env[variable]);
}

/** The output format alone: needed to report an error in the others. */
export function outputFormat(options: OptionValues, env: Environment): OutputFormat {
  return oneOf(OUTPUT_FORMATS, given(options, env, 'output', 'PGCTL_OUTPUT') ?? 'text', '--output');
}

export function readGlobals(options: OptionValues, env: Environment): Globals {
  const duration = (name: string, option: string, fallback: number): number => {
    const text = given(options, env, name);
    return text === undefined ? fallback : parseDuration(text, option);
  };
  const parallel = Number(given(options, env, 'parallel', 'PGCTL_PARALLEL') ?? '16');
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > 1000) {
    throw new PgctlError('usage', '--parallel: not a whole number from 1 to 1000');
  }
  const timeout = duration('timeout', '--timeout', 0);
  return {
    output: outputFormat(options, env),
    yes: options.yes === true,
    input: options.input !== false,
    quiet: options.quiet === true,
    verbosity: (options.verbose as number | undefined) ?? 0,
    color: oneOf(COLOR_MODES, given(options, env, 'color') ?? 'auto', '--color'),
    parallel,
    timeoutMs: timeout === 0 ? null : timeout,
    connectTimeoutMs: duration('connectTimeout', '--connect-timeout', 10_000),
    lockTimeoutMs: duration('lockTimeout', '--lock-timeout', 0),
    prefix: given(options, env, 'prefix', 'PGCTL_PREFIX') ?? '/pgctl',
    events: given(options, env, 'events', 'PGCTL_EVENTS') ?? null,
  };
}

/** How to reach etcd, with the files of TLS read. */
export interface EtcdConnection {
  readonly endpoints: readonly string[];
  readonly tls: {
    readonly ca: Buffer | null;
    readonly cert: Buffer | null;
    readonly key: Buffer | null;
  } | null;
  readonly auth: { readonly user: string; readonly password: Secret } | null;
}

async function readUserFile(file: string, what: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new PgctlError('usage', `${what} ${file} cannot be read (${code})`, { cause });
  });
}

/** Settings of a context in config.yaml, by the names of the global options. */
async function contextSettings(
  options: OptionValues,
  env: Environment,
): Promise<Readonly<Record<string, string>>> {
  const file = join(configDir(env), 'config.yaml');
  const name = given(options, env, 'context', 'PGCTL_CONTEXT');
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) {
    if (name === undefined) return {};
    throw new PgctlError('usage', `there is no context ${name}: ${file} does not exist`);
  }
  const { parse } = await import('yaml');
  const config = parse(text) as {
    current?: string;
    contexts?: Record<string, Record<string, unknown>>;
  } | null;
  const chosen = name ?? config?.current;
  if (chosen === undefined) return {};
  const settings = config?.contexts?.[chosen];
  if (settings === undefined) {
    const known = Object.keys(config?.contexts ?? {}).join(', ') || 'none';
    throw new PgctlError('usage', `there is no context ${chosen} in ${file}; it has: ${known}`);
  }
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.join(',') : String(value),
    ]),
  );
}

/** Where etcd is and how to log in there. */
export async function etcdConnection(options: OptionValues, env: Environment): Promise<EtcdConnection> {
  const context = await contextSettings(options, env);
  const setting = (name: string, variable: string, key: string): string | undefined =>
    given(options, env, name, variable) ?? context[key];
  const endpoints = setting('endpoints', 'PGCTL_ENDPOINTS', 'endpoints') ?? (await localEndpoint(env));
  if (endpoints === undefined) {
    throw new PgctlError('usage', 'no etcd is known', {
      hint: 'Give --endpoints http://…:2379 (or PGCTL_ENDPOINTS), or start one on this machine with `pgctl local up`.',
    });
  }
  const file = async (name: string, variable: string, key: string, what: string): Promise<Buffer | null> => {
    const path = setting(name, variable, key);
    return path === undefined ? null : readUserFile(path, what);
  };
  const [ca, cert, key, password] = await Promise.all([
    file('cacert', 'PGCTL_CACERT', 'cacert', 'the CA file'),
    file('cert', 'PGCTL_CERT', 'cert', 'the certificate'),
    file('key', 'PGCTL_KEY', 'key', 'the private key'),
    file('etcdPasswordFile', 'PGCTL_ETCD_PASSWORD_FILE', 'etcd_password_file', 'the password file'),
  ]);
  const user = setting('etcdUser', 'PGCTL_ETCD_USER', 'etcd_user');
  if ((user === undefined) !== (password === null)) {
    throw new PgctlError('usage', '--etcd-user and --etcd-password-file go together');
  }
  return {
    endpoints: parseEndpoints(endpoints),
    tls: ca === null && cert === null && key === null ? null : { ca, cert, key },
    auth:
      user === undefined || password === null
        ? null
        : { user, password: new Secret(password.toString('utf8').replace(/\r?\n$/, '')) },
  };
}

/** The endpoint of `local up`'s etcd, where there is one. */
async function localEndpoint(env: Environment): Promise<string | undefined> {
  const text = await readFile(localEtcdFile(env), 'utf8').catch(() => null);
  return text === null ? undefined : (JSON.parse(text) as { endpoint: string }).endpoint;
}

/** Endpoints as `--endpoints` and its kin take them: comma-separated. */
export function parseEndpoints(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  return [...endpointsOf(parts.filter((part) => part !== ''))];
}
