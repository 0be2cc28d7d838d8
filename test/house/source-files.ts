import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the repository, without a slash at its end. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const LEFT_OUT = new Set(['node_modules', 'dist', 'coverage', '.git', 'package-lock.json']);

export interface SourceFile {
  /** From the top of the repository. */
  readonly path: string;
  readonly text: string;
}

/** Every file somebody wrote. */
export async function sourceFiles(directory: string = ROOT): Promise<SourceFile[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const found = await Promise.all(
    entries
      .filter(({ name }) => !LEFT_OUT.has(name) && !name.endsWith('.tgz'))
      .map(async (entry): Promise<SourceFile[]> => {
        const path = join(directory, entry.name);
        if (entry.isDirectory()) return sourceFiles(path);
        if (!entry.isFile()) return [];
        return [{ path: relative(ROOT, path), text: await readFile(path, 'utf8') }];
      }),
  );
  return found.flat();
}
