import { randomBytes } from 'node:crypto';
import { link, mkdir, open, unlink, type FileHandle } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { PgctlError } from '../errors.ts';
import { SealingKey } from './seal.ts';

const KEY_BYTES = 32;
/** A key file is 45 bytes; more than this is some other file. */
const MAX_FILE_BYTES = 1024;
const OTHERS = 0o077;

/** Where the sealing key is: `PGCTL_SECRET_KEY_FILE`, or `pgctl/secret.key` under the XDG configuration directory. */
export function sealingKeyFile(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['PGCTL_SECRET_KEY_FILE'];
  if (given !== undefined && given !== '') return given;
  const xdg = env['XDG_CONFIG_HOME'];
  // The specification says that a relative path is to be ignored.
  const config = xdg !== undefined && xdg.startsWith('/') ? xdg : join(env['HOME'] || homedir(), '.config');
  return join(config, 'pgctl', 'secret.key');
}

/**
 * Reads the sealing key: 32 bytes in base64. Null where there is no such file.
 *
 * @throws PgctlError `secret_key` for a file that others can read, or that holds something else.
 */
export async function readSealingKey(file: string): Promise<SealingKey | null> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unreadable(file, error);
  }
  try {
    const { mode, size } = await handle.stat();
    if ((mode & OTHERS) !== 0) {
      throw new PgctlError('secret_key', `${file} can be read or written by others`, {
        hint: `chmod 600 ${file}`,
      });
    }
    const text = size > MAX_FILE_BYTES ? '' : (await handle.readFile('utf8')).trim();
    const key = Buffer.from(text, 'base64');
    // Node's decoder skips what is not base64, so it is encoded again to compare.
    if (key.length !== KEY_BYTES || key.toString('base64') !== text) {
      throw new PgctlError('secret_key', `${file} does not hold a sealing key`, {
        hint: 'It holds 32 bytes in base64. Copy it from the machine that this store was first used from.',
      });
    }
    return new SealingKey(key);
  } catch (error) {
    throw error instanceof PgctlError ? error : unreadable(file, error);
  } finally {
    await handle.close();
  }
}

/** Makes a sealing key, mode 0600, in a directory that is the user's alone. One that is there by now is taken instead. */
export async function createSealingKey(file: string): Promise<SealingKey> {
  const directory = dirname(file);
  const draft = join(directory, `.secret.key.${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`);
      await handle.sync();
      await handle.close();
      // A link appears whole and only where there is none; a rename would replace another's key.
      await link(draft, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await handle.close().catch(() => undefined);
      await unlink(draft);
    }
  } catch (error) {
    throw new PgctlError('secret_key', `the sealing key cannot be made at ${file}`, {
      hint: 'Give a path that can be written to with PGCTL_SECRET_KEY_FILE.',
      details: [error instanceof Error ? error.message : String(error)],
      cause: error,
    });
  }
  const key = await readSealingKey(file);
  if (key === null) throw new PgctlError('secret_key', `${file} was removed while it was made`);
  return key;
}

function unreadable(file: string, cause: unknown): PgctlError {
  return new PgctlError('secret_key', `the sealing key ${file} cannot be read`, {
    hint: 'It has to belong to the user that runs pgctl, or be named by PGCTL_SECRET_KEY_FILE.',
    details: [cause instanceof Error ? cause.message : String(cause)],
    cause,
  });
}
