import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { until } from '../lab/command.ts';

/** An etcd that is reached over TLS with a client certificate, and that has users. */
export interface TlsEtcd {
  readonly endpoint: string;
  /** Where ca.crt is, and certificates with their keys: client, hosts, and stranger, of another CA. */
  readonly dir: string;
  /** Runs etcdctl as root. */
  etcdctl(...args: readonly string[]): Promise<string>;
  /** All keys with their values, as text. */
  dump(): Promise<string>;
  /** Makes a client certificate anew, signed by the same CA. */
  issue(name: string, subject?: string): Promise<void>;
  stop(): Promise<void>;
}

const PORT = 2479;
/** The subject of a certificate for hosts. */
export const NAMELESS = '/O=hosts';

/** @param password of etcd's user root */
export async function startTlsEtcd(dir: string, address: string, password: string): Promise<TlsEtcd> {
  const openssl = (...args: readonly string[]): Promise<unknown> => execa('openssl', args, { cwd: dir });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const name of ['ca', 'stranger'])
    await openssl(
      ...['req', '-x509', ...ec, '-days', '2', '-subj', `/CN=${name}`],
      ...['-keyout', `${name}.key`, '-out', `${name}.crt`],
    );
  const issue = async (name: string, named = `/CN=${name}`): Promise<void> => {
    const subject = ['-subj', named, '-addext', `subjectAltName=IP:${address},IP:127.0.0.1`];
    await openssl('req', ...ec, ...subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    const copied = ['-copy_extensions', 'copy', '-out', `${name}.crt`];
    await openssl('x509', '-req', '-in', `${name}.csr`, ...authority, ...copied);
  };
  await issue('server');
  await issue('client');
  // With users, etcd takes no certificate with a CommonName over HTTP, which is how hosts talk to it.
  await issue('hosts', NAMELESS);

  const endpoint = `https://${address}:${PORT}`;
  const peer = `http://${address}:${PORT + 1}`;
  const child = execa(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'etcd', '--name=tls', `--data-dir=${join(dir, 'tls-etcd')}`],
      ...[`--listen-client-urls=${endpoint}`, `--advertise-client-urls=${endpoint}`],
      ...[
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=tls=${peer}`,
      ],
      ...[`--cert-file=${join(dir, 'server.crt')}`, `--key-file=${join(dir, 'server.key')}`],
      ...['--client-cert-auth', `--trusted-ca-file=${join(dir, 'ca.crt')}`, '--log-level=error'],
    ],
    { env: { ETCD_UNSUPPORTED_ARCH: process.arch }, stdio: 'ignore', reject: false },
  );
  const files = ['cacert=ca.crt', 'cert=client.crt', 'key=client.key'].map((pair) => {
    const [option = '', name = ''] = pair.split('=');
    return `--${option}=${join(dir, name)}`;
  });
  let user: readonly string[] = [];
  const etcdctl = async (...args: readonly string[]): Promise<string> => {
    const env = { PATH: process.env.PATH ?? '', ETCDCTL_API: '3' };
    const { stdout } = await execa('etcdctl', [`--endpoints=${endpoint}`, ...files, ...args], {
      // In the environment, as the test looks for passwords in argument lists.
      env: user.length === 0 ? env : { ...env, ETCDCTL_USER: user.join(':') },
      extendEnv: false,
    });
    return stdout;
  };
  await until('answer of the etcd over TLS', 30_000, () =>
    etcdctl('get', 'x').then(
      () => true,
      () => undefined,
    ),
  );
  await execa(
    'etcdctl',
    [`--endpoints=${endpoint}`, ...files, 'user', 'add', 'root', '--interactive=false'],
    {
      env: { ETCDCTL_API: '3' },
      input: `${password}\n`,
    },
  );
  await etcdctl('user', 'grant-role', 'root', 'root').catch(async () => {
    await etcdctl('role', 'add', 'root');
    await etcdctl('user', 'grant-role', 'root', 'root');
  });
  await etcdctl('auth', 'enable');
  user = ['root', password];
  return {
    endpoint,
    dir,
    etcdctl,
    dump: () => etcdctl('get', '--prefix', ''),
    issue,
    async stop() {
      child.kill('SIGKILL');
      await child;
    },
  };
}

/** The lines of a key in PEM that are the key. */
export async function keyLines(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('-----'));
}

/** How a pgctl reaches it, and its hosts. */
export const tlsSettings = (dir: string): Record<string, string> => ({
  PGCTL_CACERT: join(dir, 'ca.crt'),
  PGCTL_CERT: join(dir, 'client.crt'),
  PGCTL_KEY: join(dir, 'client.key'),
  PGCTL_HOST_CERT: join(dir, 'hosts.crt'),
  PGCTL_HOST_KEY: join(dir, 'hosts.key'),
});
