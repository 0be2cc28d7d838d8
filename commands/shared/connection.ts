import { readFile } from 'node:fs/promises';
import { PgctlError } from '../../src/errors.ts';
import { Secret } from '../../src/secret.ts';
import { parseEndpoints as endpointsOf } from '../../src/store/endpoints.ts';
import { type Environment, localEtcdFile } from './paths.ts';
import type { Settings } from './settings.ts';

/** How to reach etcd, with the files of TLS read. */
export interface EtcdConnection {
  readonly endpoints: readonly string[];
  readonly tls: {
    readonly ca: Buffer | null;
    readonly cert: Buffer | null;
    readonly key: Buffer | null;
  } | null;
  readonly auth: { readonly user: string; readonly password: Secret } | null;
}

async function readUserFile(file: string, what: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new PgctlError('usage', `${what} ${file} cannot be read (${code})`, { cause });
  });
}

/** Where etcd is and how to log in there. */
export async function etcdConnection(settings: Settings, env: Environment): Promise<EtcdConnection> {
  if (settings.problem !== null) throw settings.problem;
  const endpoints = settings.get('endpoints')?.value ?? (await localEndpoint(env));
  if (endpoints === undefined) {
    throw new PgctlError('usage', 'no etcd is known', {
      hint: 'Give --endpoints http://…:2379 (or PGCTL_ENDPOINTS), or start one on this machine with `pgctl local up`.',
    });
  }
  const file = async (name: string, what: string): Promise<Buffer | null> => {
    const path = settings.get(name)?.value;
    return path === undefined ? null : readUserFile(path, what);
  };
  const [ca, cert, key, password] = await Promise.all([
    file('cacert', 'the CA file'),
    file('cert', 'the certificate'),
    file('key', 'the private key'),
    file('etcd-password-file', 'the password file'),
  ]);
  const user = settings.get('etcd-user')?.value;
  if ((user === undefined) !== (password === null)) {
    throw new PgctlError('usage', '--etcd-user and --etcd-password-file go together');
  }
  return {
    endpoints: parseEndpoints(endpoints),
    tls: ca === null && cert === null && key === null ? null : { ca, cert, key },
    auth:
      user === undefined || password === null
        ? null
        : { user, password: new Secret(password.toString('utf8').replace(/\r?\n$/, '')) },
  };
}

/** The endpoint of `local up`'s etcd, where there is one. */
export async function localEndpoint(env: Environment): Promise<string | undefined> {
  const text = await readFile(localEtcdFile(env), 'utf8').catch(() => null);
  return text === null ? undefined : (JSON.parse(text) as { endpoint: string }).endpoint;
}

/** Endpoints as `--endpoints` and its kin take them: comma-separated. */
export function parseEndpoints(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  return [...endpointsOf(parts.filter((part) => part !== ''))];
}
