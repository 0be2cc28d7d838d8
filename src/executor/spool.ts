import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeKept, encodeKept, type KeptTask } from '../store/kept.ts';

/** A file of the spool; `task` is null where it cannot be read. */
export interface KeptFile {
  readonly file: string;
  readonly task: KeptTask | null;
}

/** What is kept on this machine of operations whose end etcd could not be told. */
export interface Spool {
  /** Writes it whole or not at all, and returns where. Throws what the file system says. */
  keep(kept: Omit<KeptTask, 'format'>): Promise<string>;
  /** What is kept of a database, oldest task first. */
  of(storeId: string, databaseId: string): Promise<readonly KeptFile[]>;
  drop(file: string): Promise<void>;
}

/** A spool in a directory, which is made when something is to be kept. Files are for their owner alone. */
export function openSpool(dir: string): Spool {
  return {
    async keep(kept) {
      const file = join(dir, `${kept.store_id}.${kept.database_id}.${kept.task_id}.json`);
      const beside = `${file}.${randomBytes(4).toString('hex')}`;
      await mkdir(dir, { recursive: true, mode: 0o700 });
      try {
        const handle = await open(beside, 'wx', 0o600);
        try {
          await handle.writeFile(encodeKept(kept));
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(beside, file);
      } catch (error) {
        await rm(beside, { force: true }).catch(() => undefined);
        throw error;
      }
      return file;
    },
    async of(storeId, databaseId) {
      const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
        throw error;
      });
      const prefix = `${storeId}.${databaseId}.`;
      const own = names.filter((name) => name.startsWith(prefix) && name.endsWith('.json')).sort();
      return Promise.all(
        own.map(async (name): Promise<KeptFile> => {
          const file = join(dir, name);
          return { file, task: decodeKept(await readFile(file, 'utf8')) };
        }),
      );
    },
    drop: (file) => rm(file, { force: true }),
  };
}
