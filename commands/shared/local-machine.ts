import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { outputsOf, runOnHost } from '../../src/executor/on-host.ts';
import type { HostRecord, InstanceRecord } from '../../src/records/types.ts';
import { type LocalEtcd, lookAtLocalEtcd } from '../../src/steps/local-etcd.ts';
import type { LocalDocument } from '../../src/ui/documents.ts';
import type { HostStep } from '../../src/steps/step.ts';
import type { App } from './app.ts';
import { localEtcdFile, stateDir } from './paths.ts';

/** What `local up` wrote down. */
export interface LocalState extends LocalEtcd {
  readonly endpoint: string;
}

export const etcdDir = (app: App): string => join(dirname(localEtcdFile(app.env)), 'etcd');

/** What `local up` started earlier; null where it never ran. */
export async function readLocalState(app: App): Promise<LocalState | null> {
  const text = await readFile(localEtcdFile(app.env), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as LocalState);
}

/**
 * Where local hosts keep their instances. As root they run as postgres, which may not enter root's home;
 * otherwise as the user.
 */
export function localBaseDir(app: App): string {
  return process.getuid?.() === 0 ? '/var/lib/pgctl/local' : join(stateDir(app.env), 'local', 'hosts');
}

/** This machine as a host, before it is one: for steps of `local` itself. */
export function thisMachine(app: App, id = 'local'): HostRecord {
  const now = app.now();
  return {
    host_id: id,
    address: 'local',
    advertise: null,
    ssh: { user: null, port: null, identity_file: null },
    host_keys: [],
    service_manager: 'process',
    base_dir: join(localBaseDir(app), id),
    host_endpoints: null,
    labels: {},
    facts: null,
    created_at: now,
    updated_at: now,
  };
}

/** Runs steps on this machine; throws where one fails. Returns what the last one printed. */
export async function runHere(
  app: App,
  steps: readonly HostStep[],
  host: HostRecord = thisMachine(app),
): Promise<string> {
  const result = await runOnHost({
    transport: await app.transport(),
    host,
    steps,
    fence: null,
    limitMs: 120_000,
    signal: null,
  });
  return outputsOf(result).at(-1)?.stdout.trim() ?? '';
}

/** An instance on this machine that no service manager starts and stops. */
export interface LocalInstance {
  readonly instance: InstanceRecord;
  readonly host: HostRecord;
}

export async function localInstances(app: App): Promise<LocalInstance[]> {
  const store = await app.store();
  const [instances, hosts] = await Promise.all([store.instances.list(), store.hosts.list()]);
  return instances.items.flatMap(({ value: instance }) => {
    const host = hosts.items.find(({ value }) => value.host_id === instance.host_id)?.value;
    return host?.address === 'local' && host.service_manager === 'process' ? [{ instance, host }] : [];
  });
}

/** What runs of pgctl's own on this machine. */
export async function localDocument(app: App): Promise<LocalDocument> {
  const state = await readLocalState(app);
  if (state === null) return { kind: 'Local', etcd: 'absent', endpoint: null, hosts: [], databases: [] };
  const alive = (await runHere(app, [lookAtLocalEtcd(etcdDir(app))])) === 'up';
  if (!alive) return { kind: 'Local', etcd: 'down', endpoint: state.endpoint, hosts: [], databases: [] };
  const store = await app.store();
  const [hosts, databases] = await Promise.all([store.hosts.list(), store.databases.list()]);
  return {
    kind: 'Local',
    etcd: 'up',
    endpoint: state.endpoint,
    hosts: hosts.items.filter(({ value }) => value.address === 'local').map(({ value }) => value.host_id),
    databases: databases.items.map(({ value }) => value.database_id),
  };
}
