import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TlsOptions } from '../../src/store/channel.ts';

const run = promisify(execFile);
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Certificates in a directory: `<name>.crt` with its `<name>.key`. */
export class Certificates {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  path(file: string): string {
    return join(this.dir, file);
  }

  read(file: string): Promise<Buffer> {
    return readFile(this.path(file));
  }

  /** An authority. */
  async authority(name: string): Promise<void> {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
    await this.#openssl('req', '-x509', ...KEY, '-days', '2', '-subj', `/CN=${name}`, ...files);
  }

  /** A certificate that the authority `ca` signed, for who is at 127.0.0.1, unless said otherwise. */
  async issue(name: string, { ca = 'ca', days = 2, subject = 'IP:127.0.0.1' } = {}): Promise<void> {
    const request = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${subject}`];
    await this.#openssl('req', ...KEY, ...request, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    await this.#openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', `${ca}.crt`, '-CAkey', `${ca}.key`, '-CAcreateserial'],
      ...['-days', String(days), '-copy_extensions', 'copy', '-out', `${name}.crt`],
    );
  }

  /** What pgctl is given; null for what is left out. */
  async options(ca: string | null, client: string | null): Promise<TlsOptions> {
    return {
      ca: ca === null ? null : await this.read(`${ca}.crt`),
      cert: client === null ? null : await this.read(`${client}.crt`),
      key: client === null ? null : await this.read(`${client}.key`),
    };
  }

  #openssl(...args: readonly string[]): Promise<unknown> {
    return run('openssl', args, { cwd: this.dir });
  }
}
