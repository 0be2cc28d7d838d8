import type { HostRecord, InstanceRecord } from '../src/records/types.ts';
import { didYouMean } from '../src/spec/nearest.ts';
import type { DatabaseSpec, NodeSpec, SpecIssue } from '../src/spec/types.ts';

/** One instance, with everything about its host that its resources are made from. */
export interface PlacedInstance {
  readonly instance_id: string;
  readonly node: NodeSpec;
  readonly scope: string;
  readonly host: string;
  /** What the others reach it at. */
  readonly advertise: string;
  readonly manager: 'systemd' | 'process';
  readonly dir: string;
  readonly socket_dir: string;
  readonly run_user: string;
  readonly bin_dir: string;
  readonly patroni: string;
  readonly python: string;
  /** etcd as this host reaches it. */
  readonly endpoints: readonly string[];
  readonly port: number;
  readonly patroni_port: number;
  readonly running: boolean;
  readonly restart_requested: string | null;
  /** First of its node's hosts: it bootstraps the cluster. */
  readonly first: boolean;
}

export interface PlacementInput {
  readonly spec: DatabaseSpec;
  readonly hosts: ReadonlyMap<string, HostRecord>;
  readonly instances: readonly InstanceRecord[];
  /** Reserved ports by port domain, with the instance that holds them. */
  readonly reserved: ReadonlyMap<string, ReadonlyMap<number, string>>;
  /** Ports that something listens on, by host; empty where it was not asked. */
  readonly listening: ReadonlyMap<string, ReadonlySet<number>>;
  /** etcd as pgctl reaches it; hosts use it unless they were given others. */
  readonly endpoints: readonly string[];
}

/** What stands in the way: in the spec (exit 64), or on a host (exit 6). */
export interface PlacementProblems {
  readonly issues: readonly SpecIssue[];
  readonly findings: readonly { readonly host: string; readonly message: string }[];
}

export type Placement =
  | { readonly ok: true; readonly instances: readonly PlacedInstance[]; readonly major: number }
  | ({ readonly ok: false } & PlacementProblems);

/** Hosts that are one machine share its ports: every local host is in the domain of this name, which no host can have. */
export const LOCAL_MACHINE = 'local--machine';
export const portDomain = (host: HostRecord): string =>
  host.address === 'local' ? LOCAL_MACHINE : host.host_id;

const FIRST_PORT = 5432;
const FIRST_PATRONI_PORT = 8008;
const LAST_PORT = 65535;
/** Longest path of a Unix socket that bind() takes, in bytes, without its NUL. */
const SOCKET_PATH_BYTES = 107;

export const instanceId = (database: string, node: string, host: string): string =>
  `${database}.${node}.${host}`;

/** Where the other members reach a host, or null where only itself can. */
function advertised(host: HostRecord): string {
  return host.advertise ?? (host.address === 'local' ? '127.0.0.1' : host.address);
}

const majorOf = (version: string): number => Number.parseInt(version, 10);

/** The newest major version that all hosts have, or null. */
function commonMajor(hosts: readonly HostRecord[]): number | null {
  const [first, ...others] = hosts.map(
    (host) => new Set((host.facts?.postgres ?? []).map((p) => majorOf(p.version))),
  );
  const common = [...(first ?? [])].filter((major) => others.every((set) => set.has(major)));
  return common.length === 0 ? null : Math.max(...common);
}

/** Decides for every instance of a spec where and with what it runs, or says all that is in the way. */
export function placeInstances(input: PlacementInput): Placement {
  const { spec } = input;
  const issues: SpecIssue[] = [];
  const findings: { host: string; message: string }[] = [];
  spec.nodes.forEach((node, n) => {
    node.host_ids.forEach((id, h) => {
      if (!input.hosts.has(id)) {
        const near = didYouMean(id, input.hosts.keys());
        issues.push({
          path: `nodes[${n}].host_ids[${h}]`,
          message: `host ${id} is not registered; register it with \`pgctl host add ${id} --address …\`, or name one of: ${[...input.hosts.keys()].join(', ') || '(none yet)'}${near === '' ? '' : `; ${near}`}`,
        });
      }
    });
  });
  if (issues.length > 0) return { ok: false, issues, findings };

  const chosen = spec.nodes.flatMap((node) => node.host_ids).map((id) => hostOf(input, id));
  const major = spec.postgres_version === undefined ? commonMajor(chosen) : majorOf(spec.postgres_version);
  const instances: PlacedInstance[] = [];
  for (const [n, node] of spec.nodes.entries()) {
    const hosts = node.host_ids.map((id) => hostOf(input, id));
    issues.push(...unreachableMembers(hosts, n));
    // A machine's ports are one pool: neither list may take what the other has.
    const givenPatroni = givenPorts(input, node, 'patroni_port');
    const ports = choosePorts({
      input,
      node,
      n,
      field: 'port',
      first: FIRST_PORT,
      avoid: givenPatroni,
      issues,
    });
    const postgresPorts = portsByMachine(hosts, ports);
    const patroniPorts = choosePorts({
      ...{ input, node, n, field: 'patroni_port', first: FIRST_PATRONI_PORT },
      ...{ avoid: postgresPorts, issues },
    });
    for (const [h, host] of hosts.entries()) {
      const id = instanceId(spec.id, node.name, host.host_id);
      const facts = host.facts;
      const binary = facts?.postgres.find((p) => majorOf(p.version) === major);
      for (const message of missing(host, major, binary !== undefined))
        findings.push({ host: host.host_id, message });
      const dir = `${host.base_dir}/${id}`;
      const socketDir = host.service_manager === 'systemd' ? '/run/postgresql' : dir;
      const port = ports[h] ?? 0;
      if (Buffer.byteLength(`${socketDir}/.s.PGSQL.${port}.lock`) > SOCKET_PATH_BYTES) {
        findings.push({
          host: host.host_id,
          message: `the socket path ${socketDir}/.s.PGSQL.${port} is longer than ${SOCKET_PATH_BYTES} bytes; give the host a shorter --base-dir`,
        });
      }
      const record = input.instances.find((r) => r.instance_id === id);
      instances.push({
        instance_id: id,
        node,
        scope: `${spec.id}.${node.name}`,
        host: host.host_id,
        advertise: advertised(host),
        manager: host.service_manager,
        dir,
        socket_dir: socketDir,
        run_user: facts?.run_user ?? 'postgres',
        bin_dir: binary?.bin_dir ?? '',
        patroni: facts?.patroni?.path ?? '',
        python: facts?.patroni?.python ?? '',
        endpoints: host.host_endpoints ?? input.endpoints,
        port,
        patroni_port: patroniPorts[h] ?? 0,
        running: record?.running ?? true,
        restart_requested: record?.restart_requested ?? null,
        first: h === 0,
      });
    }
  }
  if (issues.length > 0 || findings.length > 0 || major === null) return { ok: false, issues, findings };
  return { ok: true, instances, major };
}

function hostOf(input: PlacementInput, id: string): HostRecord {
  const host = input.hosts.get(id);
  if (host === undefined) throw new Error(`host ${id} was looked up before it was checked`);
  return host;
}

/** What a host lacks, by the facts in its record. */
function missing(host: HostRecord, major: number | null, hasMajor: boolean): string[] {
  const refresh = `after installing it, run \`pgctl host check ${host.host_id}\``;
  if (host.facts === null) return [`its facts were never gathered; run \`pgctl host check ${host.host_id}\``];
  const has = host.facts.postgres.map((p) => p.version).join(', ') || 'none';
  const lacking: string[] = [];
  if (major === null)
    lacking.push(`the hosts have no major version of PostgreSQL in common (it has: ${has})`);
  else if (!hasMajor) lacking.push(`PostgreSQL ${major} is not installed (it has: ${has}); ${refresh}`);
  if (host.facts.patroni === null) lacking.push(`Patroni is not installed; ${refresh}`);
  return lacking;
}

/** A local host without an advertised address cannot be a member beside others. */
function unreachableMembers(hosts: readonly HostRecord[], n: number): SpecIssue[] {
  if (hosts.every((host) => host.address === 'local')) return [];
  return hosts.flatMap((host, h) =>
    host.address === 'local' && host.advertise === null
      ? [
          {
            path: `nodes[${n}].host_ids[${h}]`,
            message: `host ${host.host_id} is local, so the node's other hosts cannot reach it; add it again with \`--advertise <address>\``,
          },
        ]
      : [],
  );
}

/** Port domains with ports of theirs. */
type PortsByMachine = ReadonlyMap<string, ReadonlySet<number>>;

interface PortChoice {
  readonly input: PlacementInput;
  readonly node: NodeSpec;
  /** Of the node in the spec. */
  readonly n: number;
  readonly field: 'port' | 'patroni_port';
  readonly first: number;
  /** What the node's instances have for the other of the two. */
  readonly avoid: PortsByMachine;
  readonly issues: SpecIssue[];
}

/** Position of each host among those of the same machine. */
function offsets(hosts: readonly HostRecord[]): number[] {
  return hosts.map((host, h) => hosts.slice(0, h).filter((o) => portDomain(o) === portDomain(host)).length);
}

function portsByMachine(hosts: readonly HostRecord[], ports: readonly number[]): PortsByMachine {
  const all = new Map<string, Set<number>>();
  hosts.forEach((host, h) => {
    const domain = portDomain(host);
    all.set(domain, (all.get(domain) ?? new Set()).add(ports[h] ?? 0));
  });
  return all;
}

/** The ports that the spec itself names for a node's instances; none where it leaves the choice. */
function givenPorts(input: PlacementInput, node: NodeSpec, field: PortChoice['field']): PortsByMachine {
  const given = node[field] ?? input.spec[field];
  if (given === undefined) return new Map();
  const hosts = node.host_ids.map((id) => hostOf(input, id));
  return portsByMachine(
    hosts,
    offsets(hosts).map((offset) => given + offset),
  );
}

/**
 * A port for each of a node's instances. One that has a port keeps it. A given one counts for all; hosts that
 * are one machine count up from it. Otherwise it is the lowest that is free on all of them.
 */
function choosePorts(choice: PortChoice): number[] {
  const { input, node, n, field, first, avoid, issues } = choice;
  const hosts = node.host_ids.map((id) => hostOf(input, id));
  const given = node[field] ?? input.spec[field];
  const path = node[field] === undefined ? field : `nodes[${n}].${field}`;
  const ids = hosts.map((host) => instanceId(input.spec.id, node.name, host.host_id));
  const records = ids.map((id) => input.instances.find((r) => r.instance_id === id));
  const offset = offsets(hosts);
  const holder = (h: number, port: number): string | undefined => {
    const host = hosts[h];
    const by = host === undefined ? undefined : input.reserved.get(portDomain(host))?.get(port);
    return by === ids[h] ? undefined : by;
  };
  const avoided = (h: number, port: number): boolean => {
    const host = hosts[h];
    return host !== undefined && (avoid.get(portDomain(host))?.has(port) ?? false);
  };
  if (given !== undefined) {
    return hosts.map((host, h) => {
      const port = given + (offset[h] ?? 0);
      const by = holder(h, port);
      if (by !== undefined) {
        issues.push({
          path,
          message: `port ${port} of host ${host.host_id} is reserved for instance ${by}; choose another, or leave it out to have a free one found`,
        });
      }
      if (field === 'patroni_port' && avoided(h, port)) {
        issues.push({
          path,
          message: `port ${port} of host ${host.host_id} is a Postgres port of this database as well`,
        });
      }
      if (port > LAST_PORT)
        issues.push({ path, message: `port ${port} of host ${host.host_id} is past ${LAST_PORT}` });
      return port;
    });
  }
  const kept = records.find((record) => record !== undefined);
  const free = (h: number, port: number): boolean =>
    holder(h, port) === undefined &&
    !avoided(h, port) &&
    !(input.listening.get(hosts[h]?.host_id ?? '')?.has(port) ?? false);
  const base = kept?.[field] ?? first;
  const shared = hosts.some((_, h) => (offset[h] ?? 0) > 0);
  if (!shared) {
    for (let port = base; port <= LAST_PORT; port++) {
      if (hosts.every((_, h) => records[h] !== undefined || free(h, port))) {
        return records.map((record) => record?.[field] ?? port);
      }
    }
  }
  const taken = new Set<number>(records.flatMap((record) => (record === undefined ? [] : [record[field]])));
  return hosts.map((_, h) => {
    const own = records[h]?.[field];
    if (own !== undefined) return own;
    let port = first;
    while (taken.has(port) || !free(h, port)) port++;
    taken.add(port);
    return port;
  });
}
