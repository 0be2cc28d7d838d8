import { X509Certificate } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { PgctlError } from '../../src/errors.ts';
import type { EtcdTls } from '../../src/resources/etcd-tls.ts';
import { Secret } from '../../src/secret.ts';

/** The files that say how etcd is reached, by the names of their options. */
export const ETCD_FILE_KINDS = {
  cacert: { what: 'the CA file', secret: false },
  cert: { what: 'the certificate', secret: false },
  key: { what: 'the private key', secret: true },
  'host-cert': { what: "the hosts' certificate", secret: false },
  'host-key': { what: "the hosts' private key", secret: true },
  'etcd-password-file': { what: 'the password file', secret: true },
} as const satisfies Record<string, { readonly what: string; readonly secret: boolean }>;

export type EtcdFileKind = keyof typeof ETCD_FILE_KINDS;

/** Far more than any of them holds; a system's bundle of authorities is a quarter of it. */
const MAX_BYTES = 1024 * 1024;
const READ_BY_OTHERS = 0o004;

/** Reads one of them. @throws PgctlError `usage`, naming the file */
export async function readEtcdFile(
  kind: EtcdFileKind,
  file: string,
  warn: (message: string) => void,
): Promise<Buffer> {
  const { what, secret } = ETCD_FILE_KINDS[kind];
  const chunks: Buffer[] = [];
  try {
    // Not by its size: a pipe from the shell has none.
    for await (const chunk of createReadStream(file, { end: MAX_BYTES })) chunks.push(chunk as Buffer);
    const { mode } = await stat(file);
    if (secret && (mode & READ_BY_OTHERS) !== 0)
      warn(`${what} ${file} can be read by everybody on this machine; chmod 600 it`);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new PgctlError('usage', `${what} ${file} cannot be read (${code})`, { cause });
  }
  const content = Buffer.concat(chunks);
  if (content.length <= MAX_BYTES) return content;
  throw new PgctlError('usage', `${what} ${file} is no such file: it has more than ${MAX_BYTES} bytes`);
}

/** The password of a file's one line. @throws PgctlError `usage` */
export function passwordOf(content: Buffer): Secret {
  const password = content.toString('utf8').replace(/\r?\n$/, '');
  if (password !== '' && !/[\r\n\0]/.test(password)) return new Secret(password);
  const problem = password === '' ? 'is empty' : 'holds more than one line';
  throw new PgctlError('usage', `the password file ${problem}; it holds the password and nothing else`);
}

/** A CA, and a certificate with its key, as they were read. */
export interface TlsFiles {
  readonly ca: Buffer | null;
  readonly cert: Buffer | null;
  readonly key: Buffer | null;
}

/**
 * Looks whether the files are what they are given for, and belong together.
 *
 * @param names of the options, for the error
 * @throws PgctlError `usage`
 */
export function checkTlsFiles(
  { ca, cert, key }: TlsFiles,
  names: Readonly<Record<'cert' | 'key', string>>,
): void {
  if ((cert === null) !== (key === null))
    throw new PgctlError('usage', `${names.cert} and ${names.key} go together`);
  if (ca !== null) attempt('--cacert', 'is not a certificate in PEM', () => new X509Certificate(ca));
  if (cert === null || key === null) return;
  attempt(names.cert, 'is not a certificate in PEM', () => new X509Certificate(cert));
  attempt(names.key, `is not the private key of ${names.cert}, in PEM and without a passphrase`, () =>
    createSecureContext({ cert, key }),
  );
}

/** What OpenSSL says is left out: it is about the content, and one of them is a private key. */
function attempt(option: string, problem: string, read: () => unknown): void {
  try {
    read();
  } catch {
    throw new PgctlError('usage', `${option}: the file ${problem}`);
  }
}

/** What hosts get: pgctl's own certificate unless another is given for them. */
export function hostTlsOf(own: TlsFiles, host: Omit<TlsFiles, 'ca'>): EtcdTls {
  const { cert, key } = host.cert === null ? own : host;
  const secret = (content: Buffer): Secret => new Secret(content.toString('utf8'));
  return {
    ...(own.ca === null ? {} : { cacert: secret(own.ca) }),
    ...(cert === null || key === null ? {} : { cert: secret(cert), key: secret(key) }),
  };
}
