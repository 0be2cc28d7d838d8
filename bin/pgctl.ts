#!/usr/bin/env node
import { main } from '../commands/main.ts';

const LEAST_NODE = 20;
if (Number.parseInt(process.versions.node, 10) < LEAST_NODE) {
  console.error(`error: pgctl needs Node.js ${LEAST_NODE} or newer; this is ${process.versions.node}`);
  process.exit(64);
}

// `pgctl … | head` closes stdout early; that ends the output, never the operation.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await main(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});
