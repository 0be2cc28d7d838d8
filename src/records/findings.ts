import type { Finding, Fleet, SeenDatabase, SeenInstance } from './fleet.ts';
import type { LiveMember } from './live.ts';
import { IN_PROGRESS } from './states.ts';

/** How far a replica may be behind before it is said: beyond it a failover would lose that much. */
export const LAG_LIMIT_BYTES = 16 * 1024 ** 2;
const MIB = 1024 ** 2;

/** A fleet with what several rules look up for each of its parts: walked anew each time, it would be walked a thousand times. */
interface Indexed extends Fleet {
  /** Hosts that there are instances' records of, by scope. */
  readonly hostsOf: ReadonlyMap<string, ReadonlySet<string>>;
  /** By id. */
  readonly databaseOf: ReadonlyMap<string, SeenDatabase>;
  /** All parts of the keys whose values cannot be read. */
  readonly corruptNames: ReadonlySet<string>;
}

function indexed(fleet: Fleet): Indexed {
  const hostsOf = new Map<string, Set<string>>();
  for (const instance of fleet.databases.flatMap(({ instances }) => instances)) {
    const scope = scopeOf(instance);
    const hosts = hostsOf.get(scope);
    if (hosts === undefined) hostsOf.set(scope, new Set([instance.host_id]));
    else hosts.add(instance.host_id);
  }
  return {
    ...fleet,
    hostsOf,
    databaseOf: new Map(fleet.databases.map((database) => [database.id, database])),
    corruptNames: new Set(fleet.corrupt.flatMap(({ key }) => key.split('/'))),
  };
}

/** One thing that can be wrong. */
interface Rule {
  readonly name: string;
  readonly find: (fleet: Indexed) => readonly Finding[];
}

/** A rule about every database on its own. */
const ofDatabases =
  (find: (database: SeenDatabase, fleet: Indexed) => readonly Finding[]): Rule['find'] =>
  (fleet) =>
    fleet.databases.flatMap((database) => find(database, fleet));

/** A rule about every instance on its own. */
const ofInstances =
  (find: (instance: SeenInstance, fleet: Indexed) => Finding | null): Rule['find'] =>
  (fleet) =>
    fleet.databases
      .flatMap(({ instances }) => instances)
      .map((instance) => find(instance, fleet))
      .filter((finding) => finding !== null);

const memberOf = ({ clusters }: Fleet, instance: SeenInstance): LiveMember | undefined =>
  clusters.get(scopeOf(instance))?.members.find(({ name }) => name === instance.host_id);

const scopeOf = ({ database_id, node_name }: SeenInstance): string => `${database_id}.${node_name}`;

/** What Patroni calls a member that is on its way and needs nobody's help yet. */
const ON_ITS_WAY: ReadonlySet<string> = new Set(['starting', 'restarting', 'stopping', 'creating replica']);

/** The commands that can be told from the name of a task's operation; others were about one instance, or more. */
const COMMANDS: Readonly<Record<string, (database: string) => string>> = {
  create: () => '`pgctl db create …`',
  apply: () => '`pgctl db apply -f …`',
  update: () => '`pgctl db update -f …`',
  recover: () => '`pgctl recover --remove-host …`',
  delete: (database) => `\`pgctl db delete ${database}\``,
};

/** How the operation of a task is asked for once more. */
function again(operation: string | undefined, database: string): string {
  if (operation === undefined) return 'the same command again';
  const command = COMMANDS[operation]?.(database) ?? `the ${operation}`;
  return `the same command again, ${command}`;
}

const logsOf = (task: string | null): string =>
  task === null ? '' : `; \`pgctl task logs ${task}\` tells what happened`;

/** A value that cannot be read may be the very record that would explain the rest. */
const isBehindCorrupt = ({ corruptNames }: Indexed, database: string): boolean => corruptNames.has(database);

const RULES: readonly Rule[] = [
  {
    name: 'a value that cannot be read',
    find: ({ corrupt }) =>
      corrupt.map(({ key, problem }) => ({
        severity: 'error',
        subject: key,
        message: `this value in etcd is not what pgctl wrote: ${problem}`,
        remedy: `See it with \`etcdctl get ${key}\`, and put back what a backup of etcd has; until then no operation goes on over it.`,
      })),
  },
  {
    name: 'a database whose last operation failed',
    find: ofDatabases(({ id, state, error, last_task_id: task }, { tasks }) => {
      if (state !== 'failed') return [];
      const last = tasks.get(task ?? '');
      const unknown = last?.state === 'unknown';
      return [
        {
          severity: 'error',
          subject: id,
          message: `${unknown ? 'nobody knows how the last operation on it ended' : 'the last operation on it failed'}: ${error ?? 'it left no error'}`,
          remedy: `${unknown ? 'Run' : 'Mend the cause and run'} ${again(last?.operation, id)}${logsOf(task)}.`,
        },
      ];
    }),
  },
  {
    name: 'an operation that was interrupted',
    find: ofDatabases(({ id, state, interrupted }, { tasks }) => {
      if (interrupted === undefined) return [];
      const operation = tasks.get(interrupted.task_id)?.operation;
      return [
        {
          severity: 'error',
          subject: id,
          message: `it is ${state}, but nobody works on it: the run of ${interrupted.who} ended without an outcome`,
          remedy: `Run ${again(operation, id)}; it goes on where that one stopped${logsOf(interrupted.task_id || null)}.`,
        },
      ];
    }),
  },
  {
    name: 'an operation at work',
    find: ofDatabases(({ id }, { locks }) => {
      const lock = locks.get(id);
      if (lock === undefined) return [];
      const message = `${lock.who} on ${lock.from.host} works on it since ${lock.since}`;
      return [{ severity: 'info', subject: id, message, remedy: null }];
    }),
  },
  {
    name: 'a node without a primary',
    find: ofDatabases(({ id, state, instances }, { locks }) => {
      if (locks.has(id) || state === 'creating' || state === 'deleting') return [];
      const nodes = new Set(
        instances.filter((i) => i.running !== false && i.state !== 'failed').map((i) => i.node_name),
      );
      for (const { role, node_name } of instances) if (role === 'primary') nodes.delete(node_name);
      return [...nodes].map((node) => ({
        severity: 'error',
        subject: `${id}.${node}`,
        message: 'it has no primary: nothing can be written',
        remedy:
          'Patroni makes a healthy replica the primary within half a minute; what keeps it from that is in `pgctl instance logs` of the replicas.',
      }));
    }),
  },
  {
    name: 'an instance that does not run',
    find: ofInstances((instance, fleet) => {
      const { instance_id, host_id, state } = instance;
      if (state === 'unknown') {
        return {
          severity: 'error',
          subject: instance_id,
          message: `it should run, and nothing is heard of it: its host ${host_id}, its network or its unit is down`,
          remedy: `See \`pgctl host check ${host_id}\` and \`pgctl instance logs ${instance_id}\`; if the host is lost for good, \`pgctl recover --remove-host ${host_id}\`.`,
        };
      }
      if (state !== 'degraded') return null;
      const word = memberOf(fleet, instance)?.state ?? 'nothing';
      return {
        severity: ON_ITS_WAY.has(word) ? 'warning' : 'error',
        subject: instance_id,
        message: `it should run, and Patroni says ${word} of it`,
        remedy: `See \`pgctl instance logs ${instance_id}\` and \`pgctl host check ${host_id}\`.`,
      };
    }),
  },
  {
    name: 'an instance that an operation failed on',
    find: ofInstances(({ instance_id, database_id, state, error }) =>
      state === 'failed'
        ? {
            severity: 'error',
            subject: instance_id,
            message: `the last operation on it failed: ${error ?? 'it left no error'}`,
            remedy: `See \`pgctl instance logs ${instance_id}\`; the command that mends ${database_id} mends it as well.`,
          }
        : null,
    ),
  },
  {
    name: 'a replica on another timeline',
    find: ofDatabases(({ instances }) => {
      const primaries = instances.filter(({ role }) => role === 'primary');
      return instances.flatMap((replica): Finding[] => {
        const leader = primaries.find(({ node_name }) => node_name === replica.node_name);
        const [own, theirs] = [replica.timeline ?? null, leader?.timeline ?? null];
        if (replica.role !== 'replica' || own === null || theirs === null || own === theirs) return [];
        return [
          {
            severity: 'warning',
            subject: replica.instance_id,
            message: `it is on timeline ${own}, its primary on ${theirs}: it does not follow`,
            remedy: `After a failover this passes by itself; if it stays, see \`pgctl instance logs ${replica.instance_id}\`.`,
          },
        ];
      });
    }),
  },
  {
    name: 'a replica that lags',
    find: ofInstances(({ instance_id, role, lag_bytes }) =>
      role === 'replica' && lag_bytes !== null && lag_bytes > LAG_LIMIT_BYTES
        ? {
            severity: 'warning',
            subject: instance_id,
            message: `it is ${Math.round(lag_bytes / MIB)} MiB behind its primary`,
            remedy: `It catches up when the load allows; if it grows, see \`pgctl instance logs ${instance_id}\` and the host's network and disk.`,
          }
        : null,
    ),
  },
  {
    name: 'a restart that is pending',
    find: ofDatabases(({ id, instances }) => {
      const pending = instances.filter(
        ({ pending_restart, state }) => pending_restart && state !== 'stopped',
      );
      if (pending.length === 0) return [];
      const names = pending.map(({ instance_id }) => instance_id).join(', ');
      return [
        {
          severity: 'warning',
          subject: id,
          message: `settings wait for a restart of ${names}`,
          remedy: `Run \`pgctl db restart ${id}\`; it restarts one instance after another.`,
        },
      ];
    }),
  },
  {
    name: 'a member that no record knows',
    find: (fleet) =>
      [...fleet.clusters.values()].flatMap(({ scope, members }) => {
        const [database = ''] = scope.split('.');
        const known = fleet.hostsOf.get(scope);
        if (isBehindCorrupt(fleet, database)) return [];
        // One that was shut down says so until its key's lease ends.
        return members
          .filter(({ name, state }) => known?.has(name) !== true && state !== 'stopped')
          .map(({ name }) => ({
            severity: 'error' as const,
            subject: `${scope}.${name}`,
            message: `Patroni on ${name} says that it runs this instance, and no record knows it: a host that was removed and came back`,
            remedy: `Switch that host off, or run \`systemctl disable --now pgctl-${scope}.${name}.service\` on it. If it is off already, this goes within half a minute.`,
          }));
      }),
  },
  {
    name: 'a Patroni scope of no database',
    find: (fleet) =>
      [...fleet.clusters.values()].flatMap(({ scope, members }) => {
        const [database = ''] = scope.split('.');
        if (isBehindCorrupt(fleet, database) || fleet.hostsOf.has(scope)) return [];
        const state = fleet.databaseOf.get(database)?.state;
        if (state !== undefined && IN_PROGRESS[state]) return [];
        const off = members.length === 0 ? 'It' : 'When its members are off, it';
        return [
          {
            severity: 'warning',
            subject: scope,
            message: 'Patroni has keys in etcd of a cluster that belongs to no database',
            remedy: `${off} can be removed: \`etcdctl del --prefix ${fleet.patroniNamespace}${scope}/\`.`,
          },
        ];
      }),
  },
  {
    name: 'an instance that was stopped',
    find: ofInstances(({ instance_id, state }) =>
      state === 'stopped'
        ? {
            severity: 'info',
            subject: instance_id,
            message: 'it was stopped on request, and stays so',
            remedy: `\`pgctl instance start ${instance_id}\` starts it.`,
          }
        : null,
    ),
  },
];

const ORDER = { error: 0, warning: 1, info: 2 } as const satisfies Record<Finding['severity'], number>;

/** The worst first, and otherwise in the order that they have. */
export const worstFirst = (findings: readonly Finding[]): readonly Finding[] =>
  [...findings].sort((a, b) => ORDER[a.severity] - ORDER[b.severity]);

/** What is wrong, the worst first, and within that in the order of the rules. */
export function findingsOf(fleet: Fleet): readonly Finding[] {
  const all = indexed(fleet);
  return worstFirst(RULES.flatMap(({ find }) => find(all)));
}
