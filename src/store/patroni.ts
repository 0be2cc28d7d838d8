import { setTimeout as delay } from 'node:timers/promises';
import { primaryOf, serves } from '../records/live.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import type { KeyValue } from './range.ts';
import type { Write } from './write.ts';

/** What a member says of itself in etcd, under a lease: a member that is not there is not running. */
export interface PatroniMember {
  /** The host's id. */
  readonly name: string;
  /** Such as `running`, `streaming`, `starting`, `crashed`, `stopped`, `start failed`; null where it says nothing. */
  readonly state: string | null;
  /** `primary`, `replica`, or another word of Patroni's; `master` of older versions is `primary`. */
  readonly role: string | null;
  readonly timeline: number | null;
  /** Position in the WAL, in bytes: what the primary wrote, what a replica received or replayed. */
  readonly xlogLocation: bigint | null;
  readonly pendingRestart: boolean;
  readonly pendingRestartReason: string | null;
  /** Patroni's own version. */
  readonly version: string | null;
  readonly connUrl: string | null;
  readonly apiUrl: string | null;
  /** The lease its key is under. */
  readonly leaseId: string;
}

/** One Patroni cluster as its keys in etcd show it. */
export interface PatroniCluster {
  /** `<database>.<node>` */
  readonly scope: string;
  readonly databaseId: string;
  readonly nodeName: string;
  /** Name of the member that holds the leader key; null while nobody does. */
  readonly leader: string | null;
  readonly leaderLeaseId: string | null;
  /** Revision of the leader key, for deleting it only while it is still this one. */
  readonly leaderModRevision: string | null;
  readonly members: readonly PatroniMember[];
  /** Last position in the WAL that the leader published, in bytes. */
  readonly leaderOptime: bigint | null;
  /** Patroni's dynamic configuration, as text of JSON; null before the cluster is bootstrapped. */
  readonly config: string | null;
  /** The cluster's system identifier; null before it is bootstrapped, empty while it is. */
  readonly initialize: string | null;
  readonly history: string | null;
  /** A switchover or failover that was asked for and did not happen yet. */
  readonly failover: string | null;
}

/** Patroni's loop_wait, within which every member renews its key, and a little more. */
const TELL_LIMIT_MS = 13_000;
const TELL_POLL_MS = 100;

/** Patroni's keys, which pgctl reads, removes, and writes in one case only: to have a lost leader replaced. */
export class Patroni {
  readonly #kv: Kv;
  readonly #keys: Keys;

  constructor(kv: Kv, keys: Keys) {
    this.#kv = kv;
    this.#keys = keys;
  }

  /** Null where the cluster has no keys at all. */
  async get(database: string, node: string): Promise<PatroniCluster | null> {
    const found = await this.#kv.range(this.#keys.patroniScope(database, node));
    return parseClusters(this.#keys, found)[0] ?? null;
  }

  /**
   * Resolves when the keys of a cluster, `<database>.<node>`, show all these members as running and one of its
   * members as the primary, or when Patroni had time enough to say so: what is shown then is what it says.
   */
  async untilSettled(scope: string, members: readonly string[]): Promise<void> {
    const [database = '', node = ''] = scope.split('.');
    const end = performance.now() + TELL_LIMIT_MS;
    for (;;) {
      const cluster = await this.get(database, node);
      const running = new Set(cluster?.members.filter(({ state }) => serves(state)).map(({ name }) => name));
      const settled = members.every((member) => running.has(member)) && primaryOf(cluster) !== null;
      if (settled || performance.now() > end) return;
      await delay(TELL_POLL_MS);
    }
  }

  /**
   * Takes lost hosts out of a cluster, so that the others need not wait for the lease of a leader that is gone.
   * Where none of the others leads, they are asked to settle it among themselves: Patroni would ask every member
   * it ever knew, and one that was only cut off answers, as a replica whose WAL ends past theirs, for ever.
   * The commit fails where somebody else leads by then.
   */
  depose(cluster: PatroniCluster, lostHosts: ReadonlySet<string>): Write[] {
    const { databaseId, nodeName, leader, leaderModRevision, members, initialize } = cluster;
    const prefix = this.#keys.patroniScope(databaseId, nodeName);
    const gone = members.filter(({ name }) => lostHosts.has(name));
    const writes = gone.map(({ name }): Write => ({
      kind: 'delete',
      key: `${prefix}${MEMBERS}${name}`,
      expect: 'any',
    }));
    const led = leader === null || lostHosts.has(leader);
    const former = leader ?? [...lostHosts][0];
    if (!led || former === undefined) return writes;
    const key = `${prefix}leader`;
    writes.push(
      leaderModRevision === null
        ? { kind: 'check', key, expect: 'absent' }
        : { kind: 'delete', key, expect: { modRevision: leaderModRevision } },
    );
    // Whoever was to make the cluster, and is lost, leaves this empty: it would keep anybody else from it for ever.
    if (initialize === '') writes.push({ kind: 'delete', key: `${prefix}initialize`, expect: 'any' });
    // Whoever takes the role removes it; a cluster that never came to be has nobody who would.
    if ((initialize ?? '') !== '' && members.length > gone.length) {
      const value = JSON.stringify({ leader: former });
      writes.push({ kind: 'put', key: `${prefix}failover`, value, expect: 'any' });
    }
    return writes;
  }

  /**
   * Ends the leases that a member's keys hang on, and with them the keys. Whoever holds the leader key keeps it
   * as long as its lease is kept alive, and that needs no rights in etcd.
   */
  async revokeLeases(scope: string, member: string): Promise<void> {
    const [database = '', node = ''] = scope.split('.');
    const cluster = await this.get(database, node);
    if (cluster === null) return;
    const { leader, leaderLeaseId, members } = cluster;
    const held = members.filter(({ name }) => name === member).map(({ leaseId }) => leaseId);
    const leases = new Set(leader === member && leaderLeaseId !== null ? [...held, leaderLeaseId] : held);
    for (const lease of leases) if (lease !== NO_LEASE) await this.#kv.revokeLease(lease);
  }

  /** Seconds that a member's lease has left; 0 for one that is gone. */
  leaseTtl(leaseId: string): Promise<number> {
    return this.#kv.leaseTtl(leaseId);
  }

  /** Removes every key of a cluster, `<database>.<node>`, or one member's. */
  drop(scope: string, member?: string): Write {
    const [database = '', node = ''] = scope.split('.');
    const prefix = this.#keys.patroniScope(database, node);
    return member === undefined
      ? { kind: 'delete_prefix', prefix }
      : { kind: 'delete', key: `${prefix}${MEMBERS}${member}`, expect: 'any' };
  }
}

/** Reads what can be read: these keys are Patroni's, and a value it writes differently tomorrow is no error. */
export function parseClusters(keys: Keys, found: readonly KeyValue[]): readonly PatroniCluster[] {
  const scopes = new Map<string, Map<string, KeyValue>>();
  for (const keyValue of found) {
    const path = keyValue.key.slice(keys.patroniNamespace.length);
    const slash = path.indexOf('/');
    if (slash < 0) continue;
    const scope = path.slice(0, slash);
    const ofScope = scopes.get(scope) ?? new Map<string, KeyValue>();
    scopes.set(scope, ofScope.set(path.slice(slash + 1), keyValue));
  }
  return [...scopes].map(([scope, parts]) => parseCluster(scope, parts));
}

const MEMBERS = 'members/';
/** Of a key under no lease. */
const NO_LEASE = '0';

function parseCluster(scope: string, parts: ReadonlyMap<string, KeyValue>): PatroniCluster {
  const text = (name: string): string | null => parts.get(name)?.value.toString('utf8') ?? null;
  const status = parseObject(text('status'));
  const [databaseId = '', nodeName = ''] = scope.split('.');
  const leader = parts.get('leader');
  return {
    scope,
    databaseId,
    nodeName,
    leader: text('leader'),
    leaderLeaseId: leader?.lease ?? null,
    leaderModRevision: leader?.modRevision ?? null,
    members: [...parts]
      .filter(([name]) => name.startsWith(MEMBERS))
      .map(([name, keyValue]) => parseMember(name.slice(MEMBERS.length), keyValue)),
    // Before Patroni 2.0.2 the position had a key of its own.
    leaderOptime: position(status['optime'] ?? text('optime/leader')),
    config: text('config'),
    initialize: text('initialize'),
    history: text('history'),
    failover: text('failover'),
  };
}

function parseMember(name: string, keyValue: KeyValue): PatroniMember {
  const data = parseObject(keyValue.value.toString('utf8'));
  const role = word(data['role']);
  const timeline = data['timeline'];
  const reason = data['pending_restart_reason'];
  return {
    name,
    state: word(data['state']),
    role: role === 'master' ? 'primary' : role,
    timeline: typeof timeline === 'number' ? timeline : null,
    xlogLocation: position(data['xlog_location']),
    pendingRestart: data['pending_restart'] === true,
    pendingRestartReason: reason === undefined || reason === null ? null : shown(reason),
    version: word(data['version']),
    connUrl: word(data['conn_url']),
    apiUrl: word(data['api_url']),
    leaseId: keyValue.lease,
  };
}

function parseObject(text: string | null): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function word(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Patroni writes `{"max_connections": {"old_value": "100", "new_value": "200"}}`. */
function shown(reason: unknown): string {
  if (typeof reason === 'string') return reason;
  const changes = Object.entries(reason as object).map(([name, change]) => {
    const { old_value: from, new_value: to } = (change ?? {}) as Record<string, unknown>;
    return from === undefined && to === undefined ? name : `${name}: ${String(from)} -> ${String(to)}`;
  });
  return changes.join(', ');
}

function position(value: unknown): bigint | null {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return BigInt(value);
  return typeof value === 'string' && /^\d{1,20}$/.test(value) ? BigInt(value) : null;
}
