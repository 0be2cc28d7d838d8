import { existsSync, readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** How Node makes a CommonJS file run; every tool that comes between does so here, and Node keeps it for them. */
interface Compiler {
  _compile: (this: NodeModule, source: string, file: string) => unknown;
}

/** What Node makes of a file's source: the function around it. */
type Wrapped = (
  exports: unknown,
  require: NodeJS.Require,
  module: NodeModule,
  file: string,
  dir: string,
) => unknown;

/**
 * Where `npm run build` puts what V8 compiled of dist/lib, a file for each. It is of this very Node; another finds
 * nothing here and compiles for itself.
 */
export function compiledDir(dist: string): string {
  return join(dist, 'compiled', `${process.version}-${process.arch}-${process.versions.v8}`);
}

/** @param lib the path of a file in dist/lib */
export const compiledFile = (dir: string, lib: string): string => join(dir, `${basename(lib)}.bin`);

/**
 * Has V8 take what it compiled at the build, which is an eighth of what `pgctl db list` takes. V8 looks at its version,
 * its flags and the lengths, and compiles anew where one differs. Node 22 can do this by itself, in a directory that has
 * to be written while pgctl runs.
 *
 * @param lib dist/lib; files elsewhere are compiled as ever
 * @param take what is to be known of each script besides, at the build
 */
export function useCompiled(lib: string, take: ((file: string, script: Script) => void) | null = null): void {
  const dir = compiledDir(dirname(lib));
  if (take === null && !existsSync(dir)) return;
  const compiler = Module.prototype as unknown as Compiler;
  const plain = compiler._compile;
  compiler._compile = function (source, file) {
    if (dirname(file) !== lib) return plain.call(this, source, file);
    const cachedData = readIfThere(compiledFile(dir, file));
    if (cachedData === null && take === null) return plain.call(this, source, file);
    const script = new Script(Module.wrap(source), {
      filename: file,
      ...(cachedData === null ? {} : { cachedData }),
    });
    take?.(file, script);
    const run = script.runInThisContext() as Wrapped;
    return run.call(this.exports, this.exports, createRequire(file), this, file, lib);
  };
}

function readIfThere(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch {
    return null;
  }
}
