import { IN_PROGRESS, type DatabaseState, type InstanceState } from './states.ts';
import type { DatabaseRecord, InstanceRecord, InstanceStatusRecord } from './types.ts';

/** What Patroni says of one member; it publishes that in etcd under a lease, so a dead member says nothing. */
export interface LiveMember {
  readonly name: string;
  /** Patroni's word: `running`, `streaming`, `stopped`, `crashed`, `start failed`, … */
  readonly state: string | null;
  /** `primary` for the one that takes writes, with every version of Patroni. */
  readonly role: string | null;
  readonly timeline: number | null;
  /** Position in the WAL, in bytes. */
  readonly xlogLocation: bigint | null;
  readonly pendingRestart: boolean;
}

/** What Patroni says of one node. */
export interface LiveCluster {
  readonly scope: string;
  /** Name of the member that holds the leader key. */
  readonly leader: string | null;
  readonly leaderOptime: bigint | null;
  readonly members: readonly LiveMember[];
}

/** An instance as it is shown: its record, and what is derived from Patroni's keys. */
export interface LiveInstance {
  readonly state: InstanceState;
  readonly role: 'primary' | 'replica' | null;
  readonly pendingRestart: boolean;
  /** How far it is behind the primary, in bytes; null where that is not known. */
  readonly lagBytes: number | null;
  readonly timeline: number | null;
}

/** What each of Patroni's words for a member's state makes of an instance that should be running. */
const MEMBER_STATES: Readonly<Record<string, InstanceState>> = {
  running: 'available',
  streaming: 'available',
  'in archive recovery': 'available',
  starting: 'degraded',
  restarting: 'degraded',
  stopping: 'degraded',
  stopped: 'degraded',
  crashed: 'degraded',
  'start failed': 'degraded',
  'restart failed': 'degraded',
  'stop failed': 'degraded',
  'creating replica': 'degraded',
};

const stateOf = (word: string | null): InstanceState => MEMBER_STATES[word ?? ''] ?? 'degraded';

/** Whether a member in this state, in Patroni's words, takes connections. */
export const serves = (word: string | null): boolean => stateOf(word) === 'available';

/**
 * The member that is the primary: it holds the leader key, and says itself that it takes writes. One that has just
 * taken the key is still promoting.
 */
export function primaryOf(cluster: Pick<LiveCluster, 'leader' | 'members'> | null): string | null {
  const leader = cluster?.members.find(({ name }) => name === cluster.leader);
  return leader?.role === 'primary' ? leader.name : null;
}

/** What is shown of an instance. Only what should be running is derived; the other states are as stored. */
export function liveInstance(
  record: InstanceRecord,
  status: InstanceStatusRecord | null,
  cluster: LiveCluster | null,
): LiveInstance {
  const member = cluster?.members.find(({ name }) => name === record.host_id) ?? null;
  const nothing = {
    role: null,
    pendingRestart: status?.pending_restart ?? false,
    lagBytes: null,
    timeline: null,
  };
  if (member === null) return { ...nothing, state: record.state === 'available' ? 'unknown' : record.state };
  const state = stateOf(member.state);
  const up = serves(member.state);
  const primary = primaryOf(cluster) === member.name;
  const ahead = cluster?.leaderOptime ?? null;
  const lag = ahead === null || member.xlogLocation === null ? null : Number(ahead - member.xlogLocation);
  return {
    state: record.state === 'available' ? state : record.state,
    role: up ? (primary ? 'primary' : 'replica') : null,
    pendingRestart: member.pendingRestart,
    lagBytes: !up || lag === null ? null : primary ? 0 : Math.max(0, lag),
    timeline: member.timeline,
  };
}

/**
 * What is shown of a database: `degraded` where an instance does not run as wanted, or a node that should run
 * has no primary.
 */
export function liveDatabaseState(
  record: DatabaseRecord,
  instances: readonly { readonly record: InstanceRecord; readonly live: LiveInstance }[],
): DatabaseState {
  if (IN_PROGRESS[record.state] || record.state === 'failed') return record.state;
  const wanted = instances.filter(({ record: { running } }) => running);
  const nodes = new Set(wanted.map(({ record: { node_name } }) => node_name));
  const primaries = new Set(
    instances.filter(({ live }) => live.role === 'primary').map(({ record: { node_name } }) => node_name),
  );
  const allRun = wanted.every(({ live }) => live.state === 'available');
  return allRun && [...nodes].every((node) => primaries.has(node)) ? 'available' : 'degraded';
}
