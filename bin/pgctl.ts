#!/usr/bin/env node
import { main } from '../commands/main.ts';
import { EXIT } from '../src/errors.ts';

const LEAST_NODE = 20;
if (Number.parseInt(process.versions.node, 10) < LEAST_NODE) {
  console.error(`error: pgctl needs Node.js ${LEAST_NODE} or newer; this is ${process.versions.node}`);
  process.exit(64);
}

// `pgctl … | head` closes stdout early, and a disk can be full; that ends the output, never the operation.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** What is left to be written gets this long, in milliseconds, where a signal ended what would wait for more. */
const LAST_WORDS_MS = 500;
const SIGNALLED: ReadonlySet<number> = new Set([EXIT.sighup, EXIT.sigint, EXIT.sigterm]);

process.exitCode = await main(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});

// Unread input and calls that wait for an answer would keep the process alive.
if (SIGNALLED.has(process.exitCode)) setTimeout(() => process.exit(), LAST_WORDS_MS).unref();
