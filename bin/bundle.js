#!/usr/bin/env node
// Makes dist/: what `npm run build` does once the types are right. pgctl and what it is built on become a few files,
// for Node takes longer to find and read five hundred small ones than pgctl takes to answer. What a command does not
// need stays in files of its own, which are loaded when they are. They are CommonJS, which Node starts sooner.
import { chmodSync, cpSync, rmSync, writeFileSync } from 'node:fs';
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
        late(code, /^let (node_\w+) = (require\("node:[\w/]+"\));$/gm),
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

rmSync(`${root}dist`, { recursive: true, force: true });
await build({
  cwd: root,
  input: { pgctl: 'bin/pgctl.ts' },
  platform: 'node',
  transform: { target: 'node20' },
  plugins: [lateBuiltins()],
  output: {
    dir: 'dist',
    format: 'cjs',
    entryFileNames: 'bin/[name].js',
    chunkFileNames: 'lib/[name]-[hash].js',
    codeSplitting: { groups: [{ name: 'chalk', test: /node_modules[/\\]chalk[/\\]/ }] },
    // Names stay: they are in the stack of a crash report.
    minify: { mangle: false, compress: true, codegen: { removeWhitespace: true } },
    comments: { legal: true, annotation: false, jsdoc: false },
  },
});
chmodSync(`${root}dist/bin/pgctl.js`, 0o755);
writeFileSync(`${root}dist/package.json`, `${JSON.stringify({ type: 'commonjs' })}\n`);
// etcd3 reads its protocol from `../proto`, as it does where npm puts it.
cpSync(`${root}node_modules/etcd3/proto`, `${root}dist/proto`, { recursive: true });
