import { clusterConfig } from '../../src/resources/cluster-config.ts';
import { directory } from '../../src/resources/directory.ts';
import type { EtcdFileName } from '../../src/resources/etcd-tls.ts';
import { etcdUser } from '../../src/resources/etcd-user.ts';
import { instance, type InstanceAttributes } from '../../src/resources/instance.ts';
import { member } from '../../src/resources/member.ts';
import { node } from '../../src/resources/node.ts';
import { patroniConfig } from '../../src/resources/patroni-config.ts';
import { patroniScope } from '../../src/resources/patroni-scope.ts';
import { postgresDatabase } from '../../src/resources/postgres-database.ts';
import { process } from '../../src/resources/process.ts';
import { role } from '../../src/resources/role.ts';
import type { LifecycleContext } from '../../src/resources/type.ts';
import { unit } from '../../src/resources/unit.ts';
import type { Resource } from '../../src/plan/resource.ts';
import { Secret } from '../../src/secret.ts';
import type { Step, Text } from '../../src/steps/step.ts';

export const INSTANCE = 'shop.n1.host-1';
export const UID = '3f6c1a52-0d3b-4a57-9c8e-1f2a3b4c5d6e';
export const DIR = `/var/lib/pgctl/${INSTANCE}`;
const BIN = '/usr/lib/postgresql/17/bin';

/** Values that must not be in any data: only in a Secret. */
export const SECRETS: Readonly<Record<string, string>> = {
  superuser: 'canary-superuser',
  replication: "canary: 'replication' #",
  restapi: 'canary-restapi',
  'etcd.own': 'canary-etcd',
  'etcd_tls.cacert': 'the CA\n',
  'etcd_tls.cert': 'the certificate\n',
  'etcd_tls.key': 'canary-etcd-key\n',
  'verifier.app': 'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy',
};

export const CONTEXT: LifecycleContext = {
  nodeLeaves: () => false,
  nodeBegins: () => false,
  secret(name) {
    const value = SECRETS[name];
    if (value === undefined) throw new Error(`no secret ${name}`);
    return new Secret(value);
  },
  server: () => ({ bin_dir: BIN, socket_dir: '/run/postgresql', port: 5432, database: 'postgres' }),
  instance: () => anInstance(),
};

const instanceAttributes: InstanceAttributes = {
  instance_id: INSTANCE,
  manager: 'systemd',
  dir: DIR,
  bin_dir: BIN,
  socket_dir: '/run/postgresql',
  port: 5432,
  patroni_port: 8008,
  patroni: '/usr/bin/patroni',
  python: '/usr/bin/python3',
  postgres_version: '17.4',
  running: true,
  restart_requested: null,
  member: 'host-1',
  rest: '10.0.0.1:8008',
  settings: {
    parameters: { max_connections: '200', wal_keep_size: '128MB', work_mem: '8MB' },
    pg_hba: ['local all "postgres" peer map=pgctl'],
    pg_ident: ['pgctl "root" "postgres"'],
  },
};

export const anInstance = (changes: Partial<InstanceAttributes> = {}): Resource =>
  instance('host-1', { ...instanceAttributes, ...changes }, []);

export const aRole = (changes: Partial<Parameters<typeof role>[1]> = {}): Resource =>
  role(
    'shop.n1',
    {
      name: 'app',
      database: 'shop',
      options: ['LOGIN', 'CONNECTION LIMIT 20'],
      member_of: ['reader', 'pg_monitor'],
      verifier: 'verifier.app',
      verifier_digest: 'd1',
      ...changes,
    },
    [],
  );

export const aConfig = (config: Readonly<Record<string, unknown>> = {}): Resource =>
  patroniConfig(
    'host-1',
    {
      instance_id: INSTANCE,
      database_uid: UID,
      dir: DIR,
      bin_dir: BIN,
      python: '/usr/bin/python3',
      endpoints: ['http://10.0.0.9:2379'],
      guard_key: `/pgctl/v1/guards/${INSTANCE}`,
      scope_prefix: '/pgctl/patroni/shop.n1/',
      config: {
        scope: 'shop.n1',
        name: 'host-1',
        restapi: { listen: '10.0.0.1:8008' },
        bootstrap: { dcs: { ttl: 30 } },
        postgresql: { listen: '*:5432', pg_hba: ['local all "postgres" peer map=pgctl'] },
        ...config,
      },
      secret_digests: { superuser: 'd1', replication: 'd2', restapi: 'd3' },
    },
    [],
  );

const ETCD_LOGIN = { user: `pgctl/${INSTANCE}`, password: 'etcd.own', password_digest: 'd4' };

export const anEtcdUser = (): Resource =>
  etcdUser({
    ...{ instance_id: INSTANCE, scope: 'shop.n1', member: 'host-1' },
    ...{ scope_prefix: '/pgctl/patroni/shop.n1/', guard_key: `/pgctl/v1/guards/${INSTANCE}` },
    ...ETCD_LOGIN,
  });

/** The configuration of an instance that has a user in etcd. */
export function aConfigWithEtcdUser(): Resource {
  const config = aConfig({ etcd3: { hosts: ['10.0.0.9:2379'] } });
  return { ...config, attributes: { ...config.attributes, etcd_user: ETCD_LOGIN } };
}

/** The configuration of an instance whose etcd is reached over TLS. */
export function aConfigOverTls(names: readonly EtcdFileName[] = ['cacert', 'cert', 'key']): Resource {
  const config = aConfig({ etcd3: { hosts: ['10.0.0.9:2379'], protocol: 'https' } });
  const etcd_tls = Object.fromEntries(names.map((name) => [name, `d-${name}`]));
  return { ...config, attributes: { ...config.attributes, etcd_tls } };
}

/** One resource of every type. */
export const ONE_OF_EACH: readonly Resource[] = [
  patroniScope('shop.n1'),
  anEtcdUser(),
  member({ scope: 'shop.n1', name: 'host-1' }, 'patroni_scope/shop.n1'),
  clusterConfig(
    { scope: 'shop.n1', config: { ttl: 30, postgresql: { parameters: { max_connections: '200' } } } },
    [],
  ),
  directory('host-1', { path: DIR, owner: 'postgres', instance_id: INSTANCE, database_uid: UID }),
  aConfig(),
  unit(
    'host-1',
    {
      instance_id: INSTANCE,
      database_uid: UID,
      dir: DIR,
      user: 'postgres',
      patroni: '/usr/bin/patroni',
      config_file: `${DIR}/patroni.yml`,
    },
    [],
  ),
  process(
    'host-1',
    { instance_id: INSTANCE, dir: DIR, patroni: '/usr/bin/patroni', config_file: `${DIR}/patroni.yml` },
    [],
  ),
  anInstance(),
  node({ scope: 'shop.n1', members: ['host-1', 'host-2', "ho'st"] }, []),
  aRole(),
  postgresDatabase('shop.n1', { name: 'my "shop"', owner: "o'wner" }, []),
];

const shownText = (text: Text | undefined): string =>
  text === undefined ? '' : Array.isArray(text) ? text.map(String).join('') : String(text);

/** A step as a page of text, secrets redacted: what goldens hold. */
export function shownStep(step: Step): string {
  const block = (title: string, text: string): string =>
    text === '' ? '' : `--- ${title}\n${text.trimEnd()}\n`;
  switch (step.kind) {
    case 'script':
    case 'wait': {
      const stall = step.kind === 'wait' ? `, stalled after ${step.stallSeconds} s` : '';
      return [
        `### ${step.kind} as ${step.account}${stall}: ${step.name}\n`,
        step.args.map((arg, i) => `$${i + 1} ${arg}\n`).join(''),
        block('script', step.script.trim()),
        block('stdin', step.kind === 'script' ? shownText(step.stdin) : ''),
      ].join('');
    }
    case 'file':
      return `### file of ${step.owner}, ${step.mode}: ${step.path}\n${block('content', shownText(step.content))}`;
    case 'sql':
      return `### sql: ${step.name}\n${JSON.stringify(step.connection)}\n${block('sql', shownText(step.sql))}`;
    case 'put_etcd_user':
    case 'drop_etcd_user':
      return `### ${JSON.stringify(step)}\n`;
    case 'drop_keys':
      return `### drop keys of ${step.scope}${step.member === undefined ? '' : `, member ${step.member}`}\n`;
  }
}

/** Every secret in the text of some steps, as a child would get them on stdin. */
export const textsOf = (steps: readonly Step[]): Text[] =>
  steps.flatMap((step): Text[] => {
    if (step.kind === 'file') return [step.content];
    if (step.kind === 'sql') return [step.sql];
    return step.kind === 'script' && step.stdin !== undefined ? [step.stdin] : [];
  });
