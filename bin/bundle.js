#!/usr/bin/env node
// Makes dist/: what `npm run build` does once the types are right. pgctl and what it is built on become a few files,
// for Node takes longer to find and read five hundred small ones than pgctl takes to answer. What a command does not
// need stays in files of its own, which are loaded when they are. They are CommonJS, which Node starts sooner, and with
// them comes what V8 compiled of them.
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * What Node has built in is loaded where it is first used. At the top of a file it would be loaded for every command,
 * and most commands need no cryptography, no children and no sockets.
 */
function lateBuiltins() {
  return {
    name: 'late-builtins',
    transform: {
      filter: { id: /commander[/\\]lib[/\\]command\.js$/ },
      handler: (code) => late(code, /^const (childProcess) = (require\('node:child_process'\));$/gm),
    },
    renderChunk: (code) =>
      late(
        late(requireBuiltins(code), /^let (node_\w+) = (require\("node:[\w/]+"\));$/gm),
        // Colours are for terminals.
        /^const (require_\w+) = (require\("\.\/chalk-[^"]+"\));$/gm,
      ),
  };
}

/** Takes declarations away, and requires each module wherever its name stood. One that is used as a whole stays. */
function late(code, declarations) {
  return [...code.matchAll(declarations)].reduce((moved, [declaration, name, required]) => {
    const used = new RegExp(`\\b${name}(?=\\.\\w)`, 'g');
    // In brackets, for `new` would take the call for its own.
    const rest = moved.replace(declaration, '').replace(used, `(${required})`);
    return new RegExp(`\\b${name}\\b`).test(rest) ? moved : rest;
  }, code);
}

/** Node's loader of its own modules, for a script that comes with what V8 compiled of it knows no other. */
const requireBuiltins = (code) =>
  code.replace(/\bimport\(("node:[\w/]+")\)/g, 'Promise.resolve().then(() => require($1))');

const dist = join(root, 'dist');
const common = { cwd: root, platform: 'node', transform: { target: 'node20' } };
const output = { format: 'cjs', comments: { legal: true, annotation: false, jsdoc: false } };

rmSync(dist, { recursive: true, force: true });
await build({
  ...common,
  input: { pgctl: 'bin/pgctl.ts' },
  plugins: [lateBuiltins()],
  output: {
    ...output,
    dir: dist,
    entryFileNames: 'bin/[name].js',
    chunkFileNames: 'lib/[name]-[hash].js',
    codeSplitting: { groups: [{ name: 'chalk', test: /node_modules[/\\]chalk[/\\]/ }] },
    // Names stay: they are in the stack of a crash report.
    minify: { mangle: false, compress: true, codegen: { removeWhitespace: true } },
  },
});
chmodSync(join(dist, 'bin/pgctl.js'), 0o755);
writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);
// etcd3 reads its protocol from `../proto`, as it does where npm puts it.
cpSync(join(root, 'node_modules/etcd3/proto'), join(dist, 'proto'), { recursive: true });
await compile();

/**
 * Runs commands that load what most commands need, so that V8 compiles it and bin/warm.ts keeps that. An etcd in which
 * nothing is answers them; how they end does not matter, only what runs on the way.
 */
async function compile() {
  const scratch = mkdtempSync(join(tmpdir(), 'pgctl-build-'));
  const etcd = createServer(emptyEtcd);
  try {
    await new Promise((listening) => etcd.listen(0, '127.0.0.1', listening));
    await build({ ...common, input: { warm: 'bin/warm.ts' }, output: { ...output, dir: scratch } });
    writeFileSync(join(scratch, 'package.json'), JSON.stringify({ type: 'commonjs' }));
    const env = {
      HOME: scratch,
      PATH: process.env.PATH,
      PGCTL_ENDPOINTS: `http://127.0.0.1:${etcd.address().port}`,
    };
    const run = (args) =>
      new Promise((resolve) => {
        const child = execFile(
          process.execPath,
          [join(scratch, 'warm.js'), dist, ...args],
          { env },
          (_, out) => resolve(out),
        );
        child.stdin.end();
      });
    writeFileSync(join(scratch, 'spec.yaml'), await run(['spec', 'init']));
    for (const args of [
      ['--help'],
      ['db', 'list', '-o', 'json'],
      ['db', 'list'],
      ['status'],
      ['db', 'create', '-f', join(scratch, 'spec.yaml'), '-o', 'json'],
    ])
      await run(args);
  } finally {
    etcd.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Answers as the HTTP side of an etcd without keys. */
function emptyEtcd(request, response) {
  let text = '';
  request.on('data', (chunk) => (text += chunk));
  request.on('end', () => {
    const asked = request.url === '/v3/kv/txn' ? JSON.parse(text).success.length : 0;
    const responses = Array.from({ length: asked }, () => ({ response_range: {} }));
    response.end(JSON.stringify({ header: { revision: '1' }, succeeded: true, responses }));
  });
}
