import type { Secret } from '../secret.ts';

interface EtcdFile {
  /** Name of the secret that holds its content. */
  readonly secret: string;
  /** In the instance's directory. */
  readonly file: string;
}

/** What an instance needs for an etcd over TLS, by Patroni's own word for it. */
export const ETCD_FILES = {
  /** The authority that signed etcd's certificates. */
  cacert: { secret: 'etcd_tls.cacert', file: 'etcd-ca.pem' },
  /** The client certificate, where etcd asks for one. */
  cert: { secret: 'etcd_tls.cert', file: 'etcd-cert.pem' },
  /** Its private key. */
  key: { secret: 'etcd_tls.key', file: 'etcd-key.pem' },
} as const satisfies Record<string, EtcdFile>;

export type EtcdFileName = keyof typeof ETCD_FILES;
export const ETCD_FILE_NAMES = Object.keys(ETCD_FILES) as readonly EtcdFileName[];

/** The contents of these files; without the last two where etcd asks for no certificate. */
export type EtcdTls = Readonly<Partial<Record<EtcdFileName, Secret>>>;

/** Digests of the contents: which files there are, and that one changed. */
export type EtcdTlsDigests = Readonly<Partial<Record<EtcdFileName, string>>>;

/** Where the files of an instance are, by Patroni's word for each. */
export function etcdFilePaths(dir: string, tls: EtcdTlsDigests): Partial<Record<EtcdFileName, string>> {
  const named = ETCD_FILE_NAMES.filter((name) => tls[name] !== undefined);
  return Object.fromEntries(named.map((name) => [name, `${dir}/${ETCD_FILES[name].file}`]));
}

/** Whether endpoints are reached over TLS; `parseEndpoints` lets no mixture through. */
export const isOverTls = ([first = '']: readonly string[]): boolean => first.startsWith('https:');
