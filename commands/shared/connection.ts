import { readFileSync } from 'node:fs';
import { PgctlError } from '../../src/errors.ts';
import type { EtcdTls } from '../../src/resources/etcd-tls.ts';
import type { Secret } from '../../src/secret.ts';
import { parseEndpoints as endpointsOf } from '../../src/store/endpoints.ts';
import {
  checkTlsFiles,
  type EtcdFileKind,
  hostTlsOf,
  passwordOf,
  readEtcdFile,
  type TlsFiles,
} from './etcd-files.ts';
import { type Environment, localEtcdFile } from './paths.ts';
import type { Settings } from './settings.ts';

/** How to reach etcd, with the files of TLS read. */
export interface EtcdConnection {
  readonly endpoints: readonly string[];
  readonly tls: TlsFiles | null;
  readonly auth: { readonly user: string; readonly password: Secret } | null;
  /** What hosts reach it with, where that is over TLS. */
  readonly hostTls: EtcdTls;
}

/** Where etcd is and how to log in there. @param warn is told what is not as it should be, and no error */
export async function etcdConnection(
  settings: Settings,
  env: Environment,
  warn: (message: string) => void,
): Promise<EtcdConnection> {
  if (settings.problem !== null) throw settings.problem;
  const endpoints = settings.get('endpoints')?.value ?? localEndpoint(env);
  if (endpoints === undefined) {
    throw new PgctlError('usage', 'no etcd is known', {
      hint: 'Give --endpoints http://…:2379 (or PGCTL_ENDPOINTS), or start one on this machine with `pgctl local up`.',
    });
  }
  const file = async (name: EtcdFileKind): Promise<Buffer | null> => {
    const path = settings.get(name)?.value;
    return path === undefined ? null : readEtcdFile(name, path, warn);
  };
  const [ca, cert, key, hostCert, hostKey, password] = await Promise.all([
    file('cacert'),
    file('cert'),
    file('key'),
    file('host-cert'),
    file('host-key'),
    file('etcd-password-file'),
  ]);
  const user = settings.get('etcd-user')?.value;
  if ((user === undefined) !== (password === null)) {
    throw new PgctlError('usage', '--etcd-user and --etcd-password-file go together');
  }
  const own = { ca, cert, key };
  checkTlsFiles(own, { cert: '--cert', key: '--key' });
  checkTlsFiles({ ca: null, cert: hostCert, key: hostKey }, { cert: '--host-cert', key: '--host-key' });
  const auth = user === undefined || password === null ? null : { user, password: passwordOf(password) };
  return {
    endpoints: parseEndpoints(endpoints),
    tls: ca === null && cert === null ? null : own,
    auth,
    hostTls: hostTlsOf(own, { cert: hostCert, key: hostKey }),
  };
}

/** The endpoint of `local up`'s etcd, where there is one. Read as config.yaml is, see there. */
export function localEndpoint(env: Environment): string | undefined {
  const file = localEtcdFile(env);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  const endpoint = /"endpoint":\s*"([^"]+)"/.exec(text)?.[1];
  if (endpoint !== undefined) return endpoint;
  throw new PgctlError('usage', `${file} does not say where the local etcd is: it was changed or cut short`, {
    hint: 'Remove it and run `pgctl local up` again, or give --endpoints.',
  });
}

/** Endpoints as `--endpoints` and its kin take them: comma-separated. */
export function parseEndpoints(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  return [...endpointsOf(parts.filter((part) => part !== ''))];
}
