import type { Finding } from './fleet.ts';

/** One endpoint of etcd, as it was seen just now. */
export interface EndpointHealth {
  readonly endpoint: string;
  /** Why it did not answer; null where it did. */
  readonly error: string | null;
  /** Null where it did not answer, or does not say. */
  readonly seen: EndpointStatus | null;
}

export interface EndpointStatus {
  readonly version: string;
  /** Whether it could do a read that needs a quorum. */
  readonly healthy: boolean;
  /** Milliseconds of a small request over an open connection. */
  readonly latencyMs: number;
  readonly hasLeader: boolean;
  readonly dbBytes: number;
  /** Null where it does not say. */
  readonly quotaBytes: number | null;
  /** How far its clock is ahead of pgctl's, to the second; null where it does not say. */
  readonly clockOffsetSeconds: number | null;
}

/** etcd as a whole. */
export interface EtcdHealth {
  readonly endpoints: readonly EndpointHealth[];
  /** Names of its members, empty for one that never started; null where it does not say. */
  readonly members: readonly string[] | null;
  /** Such as NOSPACE; null where it does not say. */
  readonly alarms: readonly string[] | null;
  /** What pgctl can do about users in etcd; null where that was not found out. */
  readonly rights: 'no_auth' | 'granted' | 'denied' | null;
}

/** What Patroni and pgctl need: ranges and leases over HTTP without a path of their own. */
const LEAST_VERSION = [3, 4] as const;
const SLOW_MS = 100;
const FULL = 0.8;
const CLOCK_LIMIT_SECONDS = 5;
const MIB = 1024 ** 2;

const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

/** What is wrong with etcd, or could be. */
export function etcdFindings(health: EtcdHealth): readonly Finding[] {
  const { endpoints } = health;
  const away = endpoints.filter(({ error }) => error !== null);
  const silent = away.length === endpoints.length;
  return [
    ...away.map(({ endpoint, error }): Finding => ({
      severity: silent ? 'error' : 'warning',
      subject: endpoint,
      message: `etcd does not answer there: ${error ?? ''}`,
      remedy: silent
        ? 'Start etcd, or mend the network; `pgctl context show` says where the endpoints come from. Databases that run go on without it, and nothing can be changed.'
        : 'The other endpoints are used meanwhile. See `systemctl status etcd` there, or take it out of --endpoints.',
    })),
    ...endpoints.flatMap(({ endpoint, seen }) =>
      seen === null ? [] : endpointFindings(endpoint, withoutAlarms(seen, health)),
    ),
    ...alarmFindings(health),
    ...memberFindings(health),
    ...rightsFindings(health),
  ];
}

/** An etcd with an alarm calls itself not healthy; the alarm says it better. */
const withoutAlarms = (seen: EndpointStatus, { alarms }: EtcdHealth): EndpointStatus =>
  (alarms ?? []).length === 0 ? seen : { ...seen, healthy: true };

function endpointFindings(endpoint: string, seen: EndpointStatus): readonly Finding[] {
  const found: Finding[] = [];
  const add = (severity: Finding['severity'], message: string, remedy: string): void =>
    void found.push({ severity, subject: endpoint, message, remedy });
  const [major = 0, minor = 0] = seen.version.split('.').map(Number);
  if (major < LEAST_VERSION[0] || (major === LEAST_VERSION[0] && minor < LEAST_VERSION[1]))
    add('error', `etcd is ${seen.version}; pgctl needs ${LEAST_VERSION.join('.')} or newer`, 'Upgrade etcd.');
  if (!seen.hasLeader || !seen.healthy)
    add(
      'error',
      seen.hasLeader
        ? 'etcd says that it is not healthy'
        : 'etcd has no leader: most of its members are away',
      'See `etcdctl endpoint status --cluster` and `etcdctl member list`; start the members that are down.',
    );
  if (seen.latencyMs > SLOW_MS)
    add(
      'warning',
      `etcd takes ${Math.round(seen.latencyMs)} ms to answer`,
      'Every step of an operation waits for it. See its disk (`etcdctl check perf`), and the network in between.',
    );
  const { dbBytes, quotaBytes, clockOffsetSeconds: offset } = seen;
  if (quotaBytes !== null && quotaBytes > 0 && dbBytes > quotaBytes * FULL)
    add(
      'warning',
      `etcd holds ${mib(dbBytes)} of the ${mib(quotaBytes)} that it may: when it is full nothing can be written, and primaries step down`,
      'Compact and defragment it: `etcdctl compact $(etcdctl endpoint status -w json | jq .[0].Status.header.revision)`, then `etcdctl defrag --cluster`; and have it done by itself, with --auto-compaction-retention.',
    );
  if (offset !== null && Math.abs(offset) > CLOCK_LIMIT_SECONDS)
    add(
      'warning',
      `its clock is ${Math.abs(offset)} s ${offset > 0 ? 'ahead of' : 'behind'} this machine's`,
      'Keep both in step with NTP: `timedatectl set-ntp true`.',
    );
  return found;
}

const ALARMS: Readonly<Record<string, readonly [message: string, remedy: string]>> = {
  NOSPACE: [
    'etcd is full, and takes no more writes',
    'Compact and defragment it (`etcdctl compact`, `etcdctl defrag --cluster`), then `etcdctl alarm disarm`.',
  ],
  CORRUPT: [
    'a member of etcd has other data than the rest',
    'Find it with `etcdctl endpoint hashkv --cluster`, remove it with `etcdctl member remove`, and add it anew.',
  ],
};

const alarmFindings = ({ alarms }: EtcdHealth): readonly Finding[] =>
  [...new Set(alarms ?? [])].map((alarm): Finding => {
    const [message, remedy] = ALARMS[alarm] ?? [
      `etcd raises the alarm ${alarm}`,
      'See `etcdctl alarm list`.',
    ];
    return { severity: 'error', subject: 'etcd', message, remedy };
  });

function memberFindings({ members, endpoints }: EtcdHealth): readonly Finding[] {
  if (members === null) return [];
  const absent = members.filter((name) => name === '').length;
  const found: Finding[] = [];
  if (absent > 0)
    found.push({
      severity: 'warning',
      subject: 'etcd',
      message: `${absent} of its ${members.length} members never started`,
      remedy: 'See `etcdctl member list`; start it, or remove it with `etcdctl member remove`.',
    });
  const own = endpoints.every(({ endpoint }) => /^https?:\/\/(127\.|localhost|\[::1\])/.test(endpoint));
  // On one's own machine one is what there is.
  if (members.length < 3 && !own)
    found.push({
      severity: 'info',
      subject: 'etcd',
      message: `it has ${members.length === 1 ? 'one member' : 'two members'}: without ${members.length === 1 ? 'it' : 'either of them'} nothing can be changed, and no replica can take over`,
      remedy: 'Three members survive the loss of one: `etcdctl member add`.',
    });
  return found;
}

function rightsFindings({ rights }: EtcdHealth): readonly Finding[] {
  if (rights === 'no_auth')
    return [
      {
        severity: 'info',
        subject: 'etcd',
        message:
          'pgctl has no user there, so a host that is taken out cannot be locked out: what still runs on it is asked only when it starts',
        remedy:
          'Turn on authentication (`etcdctl user add root`, `etcdctl auth enable`) and give pgctl a user with --etcd-user and --etcd-password-file.',
      },
    ];
  if (rights !== 'denied') return [];
  return [
    {
      severity: 'error',
      subject: 'etcd',
      message:
        "pgctl's user may not manage users and roles: no database can be created, and no host be locked out",
      remedy:
        'Grant it the role: `etcdctl user grant-role <user> root`; or give pgctl another with --etcd-user.',
    },
  ];
}
