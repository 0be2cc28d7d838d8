#!/usr/bin/env node
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type { Io } from '../commands/shared/app.ts';
import { COMPLETE, completeNames } from '../commands/shared/completion/names.ts';
import { EXIT } from '../src/errors.ts';
import { VERSION } from '../src/version.ts';
import { useCompiled } from './compiled.ts';

const LEAST_NODE = 20;
if (Number.parseInt(process.versions.node, 10) < LEAST_NODE) {
  console.error(`error: pgctl needs Node.js ${LEAST_NODE} or newer; this is ${process.versions.node}`);
  process.exit(64);
}

// What libraries have to change is not for who runs pgctl to read.
process.noDeprecation = true;

// As many listen for one signal as things are done at once, on hosts and on databases: that is no leak.
EventEmitter.defaultMaxListeners = 0;

/** `pgctl … | head` closes stdout early, and a disk can be full; that ends the output, never the operation. */
function lossy(stream: Io['stdout']): Io['stdout'] {
  return stream.listenerCount('error') > 0 ? stream : stream.on('error', () => undefined);
}

/** What is left to be written gets this long, in milliseconds, where a signal ended what would wait for more. */
const LAST_WORDS_MS = 500;
const SIGNALLED: ReadonlySet<number> = new Set([EXIT.sighup, EXIT.sigint, EXIT.sigterm]);

const io: Io = {
  env: process.env,
  // Node counts from the start of the process.
  startedMs: 0,
  // Made when they are asked for: that takes as long as all of pgctl's arguments, and few commands need all three.
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return lossy(process.stdout);
  },
  get stderr() {
    return lossy(process.stderr);
  },
};
const argv = process.argv.slice(2);
void run();

async function run(): Promise<void> {
  // What scripts and package managers ask, without the rest.
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    io.stdout.write(`${VERSION}\n`);
    process.exit(EXIT.ok);
  }
  useCompiled(join(import.meta.dirname, '../lib'));
  if (argv[0] === COMPLETE) {
    await completeNames(argv.slice(1), io);
    // A shell waits for the process to end, and a connection that was given up would hold it open.
    process.exit();
  }
  // Loaded here, so that a shell that waits for names does not wait for all of pgctl.
  const { main } = await import('../commands/main.ts');
  process.exitCode = await main(argv, io);

  // Unread input and calls that wait for an answer would keep the process alive.
  if (SIGNALLED.has(process.exitCode)) setTimeout(() => process.exit(), LAST_WORDS_MS).unref();
}
