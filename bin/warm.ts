// Runs a built pgctl and keeps what V8 compiled on the way, for `useCompiled`; bin/bundle.js calls it. What an earlier
// run kept is taken and added to.
//   node warm.js <dist> [argument of pgctl …]
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Script } from 'node:vm';
import { compiledDir, compiledFile, useCompiled } from './compiled.ts';

/** A run that waits for more has run what it is to run, in milliseconds. */
const LONGEST_MS = 1_500;

const [, , dist = '', ...argv] = process.argv;
const scripts = new Map<string, Script>();
useCompiled(join(dist, 'lib'), (file, script) => scripts.set(file, script));

process.on('exit', () => {
  const dir = compiledDir(dist);
  mkdirSync(dir, { recursive: true });
  for (const [file, script] of scripts) writeFileSync(compiledFile(dir, file), script.createCachedData());
});

setTimeout(() => process.exit(), LONGEST_MS).unref();

const program = join(dist, 'bin/pgctl.js');
process.argv = [process.argv[0] ?? 'node', program, ...argv];
createRequire(program)(program);
