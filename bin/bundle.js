#!/usr/bin/env node
// Makes dist/: what `npm run build` does once the types are right. pgctl and what it is built on become a few files,
// for Node takes longer to find and read five hundred small ones than pgctl takes to answer. What a command does not
// need stays in files of its own, which are loaded when they are.
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

rmSync(`${root}dist`, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: ['bin/pgctl.ts'],
  outdir: 'dist',
  outbase: '.',
  chunkNames: 'lib/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Its modules of ECMAScript: of a CommonJS one that is loaded late, esbuild makes a module without names.
  alias: { yaml: './node_modules/yaml/browser/index.js' },
  // Names stay: they are in the stack of a crash report.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'linked',
  // For libraries that are not modules of ECMAScript.
  banner: {
    js: [
      "import{createRequire as pgctlRequire}from'node:module';",
      "import{fileURLToPath as pgctlPath}from'node:url';",
      'const require=pgctlRequire(import.meta.url);',
      "const __filename=pgctlPath(import.meta.url),__dirname=pgctlPath(new URL('.',import.meta.url));",
    ].join(''),
  },
  logLevel: 'warning',
});
// etcd3 reads its protocol from `../proto`, as it does where npm puts it.
cpSync(`${root}node_modules/etcd3/proto`, `${root}dist/proto`, { recursive: true });
