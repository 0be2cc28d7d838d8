import { readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { OptionValues } from 'commander';
import type { RunOrigin } from '../../src/records/types.ts';
import type { Store } from '../../src/store/store.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { openEvents } from '../../src/ui/events-file.ts';
import { openUi, type Ui, type UiOptions } from '../../src/ui/output.ts';
import type { Theme } from '../../src/ui/theme.ts';
import type * as views from '../../src/ui/views.ts';
import { type EtcdConnection, etcdConnection } from './connection.ts';
import { errorFormat, type Globals, readGlobals } from './globals.ts';
import type { Environment } from './paths.ts';
import { readSettings, type Settings } from './settings.ts';

/** The process's surroundings, given in so that tests can drive commands in their own. */
export interface Io {
  readonly env: Environment;
  /** When the program began, by `performance.now()`; when it was called where it is not given. */
  readonly startedMs?: number;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

/** How long the end of a command waits for the store's format, in milliseconds. */
const FORMAT_PATIENCE_MS = 500;

/** What every command works with. etcd and the hosts are reached for only when a command asks for them. */
export class App {
  readonly io: Io;
  readonly globals: Globals;
  readonly ui: Ui;
  readonly settings: Settings;
  readonly #options: OptionValues;
  #store: Promise<Store> | null = null;
  #transport: Promise<Transport> | null = null;
  #newerFormat: Promise<number | null> = Promise.resolve(null);
  #connection: Promise<EtcdConnection> | null = null;

  private constructor(io: Io, options: OptionValues, settings: Settings) {
    this.io = io;
    this.#options = options;
    this.settings = settings;
    this.globals = readGlobals(options, settings);
    const { output, color, quiet, verbosity, input, events } = this.globals;
    this.ui = uiOn(io, { format: output, color, quiet, verbosity, input, events: openEvents(events) });
  }

  /** @throws PgctlError `usage` */
  static async open(io: Io, options: OptionValues): Promise<App> {
    return new App(io, options, await readSettings(options, io.env));
  }

  get env(): Environment {
    return this.io.env;
  }

  /**
   * The result of a command that only reads. How it looks is loaded for text alone: that takes as long as reading what
   * is shown. Commands that change something load it before they do.
   */
  async show<D extends { readonly kind: string }>(
    document: D,
    pick: (all: typeof views) => (document: D, theme: Theme) => string,
  ): Promise<void> {
    const render =
      this.globals.output === 'text' ? pick(await import('../../src/ui/views.ts')) : (): string => '';
    this.ui.result(document, render);
  }

  /** The time, for records. */
  now(): string {
    return new Date().toISOString();
  }

  /** How etcd is reached. */
  connection(): Promise<EtcdConnection> {
    this.#connection ??= etcdConnection(this.settings, this.io.env, (message) => this.ui.warn(message));
    return this.#connection;
  }

  /** What would hold with another context. */
  settingsIn(context: string): Promise<Settings> {
    return readSettings({ ...this.#options, context }, this.io.env);
  }

  store(): Promise<Store> {
    this.#store ??= this.#openStore();
    return this.#store;
  }

  async #openStore(): Promise<Store> {
    const connection = await this.connection();
    // Commands that need no etcd need not wait for it to be loaded.
    const { openStore } = await import('../../src/store/store.ts');
    const store = openStore({
      ...connection,
      prefix: this.globals.prefix,
      env: this.io.env,
      here: this.origin(),
    });
    // Asked beside what the command asks; whatever goes wrong here, the command says.
    this.#newerFormat = store.newerFormat().catch(() => null);
    return store;
  }

  transport(): Promise<Transport> {
    this.#transport ??= this.#openTransport();
    return this.#transport;
  }

  async #openTransport(): Promise<Transport> {
    const { openTransport } = await import('../../src/transport/transport.ts');
    const { jobReporter } = await import('./job-events.ts');
    return openTransport({
      program: this.io.env.PGCTL_SSH ?? 'ssh',
      // Short: a socket's path holds 107 bytes, and ssh puts 17 behind it while it makes one.
      runDir: await mkdtemp(join(tmpdir(), 'pgctl-')),
      connectTimeoutMs: this.globals.connectTimeoutMs,
      parallel: this.globals.parallel,
      onJob: jobReporter((event) => this.ui.report(event), { everything: this.globals.verbosity >= 2 }),
    });
  }

  /** Who runs this command, for locks and tasks. */
  who(): string {
    return this.io.env.SUDO_USER ?? this.io.env.USER ?? userInfo().username;
  }

  origin(): RunOrigin {
    const bootId = read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')) ?? 'unknown';
    // A pid means something within its namespace only: two containers of one machine have the same ones.
    const namespace = read(() => readlinkSync('/proc/self/ns/pid')) ?? '';
    return { host: hostname(), boot_id: `${bootId.trim()} ${namespace}`.trim(), pid: process.pid };
  }

  /** Closes what was opened. Whatever goes wrong here does not matter any more. */
  async close(): Promise<void> {
    // Where etcd answered the command, this is there already; where it is away nobody waits for it.
    const newer = await Promise.race([this.#newerFormat, delay(FORMAT_PATIENCE_MS, null, { ref: false })]);
    if (newer !== null)
      this.ui.warn(
        `a newer pgctl wrote this store (format ${newer}): what is shown may lack something; upgrade pgctl`,
      );
    const closing = this.ui.close();
    const [store, transport] = await Promise.allSettled([this.#store, this.#transport]);
    if (transport.status === 'fulfilled') await transport.value?.close().catch(() => undefined);
    if (store.status === 'fulfilled') store.value?.close();
    await closing;
  }
}

/** What the kernel says, where it does. */
function read(file: () => string): string | null {
  try {
    return file();
  } catch {
    return null;
  }
}

/** A Ui for an error that came before the options could be read in full. */
export async function openErrorUi(io: Io, options: OptionValues): Promise<Ui> {
  const format = errorFormat(await readSettings(options, io.env));
  return uiOn(io, { format, color: 'auto', quiet: false, verbosity: 0, input: false });
}

function uiOn(io: Io, options: Omit<UiOptions, 'env' | 'stdin' | 'stdout' | 'stderr'>): Ui {
  const { env, stdout, stderr } = io;
  return openUi({
    ...options,
    env,
    stdout,
    stderr,
    // Few commands ask anything.
    get stdin() {
      return io.stdin;
    },
  });
}
