import { isDeepStrictEqual } from 'node:util';
import type { PlanEvent } from '../plan/plan.ts';
import type { Resource, ResourceKey } from '../plan/resource.ts';
import { DYNAMIC_PARAMETERS } from '../spec/parameters.ts';
import { SLOW_TURN } from '../steps/render.ts';
import type { ScriptStep, SqlConnection, Step, WaitStep } from '../steps/step.ts';
import { patroniClientStep } from './patroni-client.ts';
import { instanceCost } from './instance-cost.ts';
import { STOP_POSTMASTER } from './postmaster.ts';
import { FIND_PATRONI, START_PROCESS, STOP_PROCESS } from './process.ts';
import {
  attributesOf,
  buildResource,
  type Found,
  type InstanceObservation,
  type LifecycleContext,
  type ResourceType,
} from './type.ts';
import { findingsOf } from './directory.ts';
import { unitName } from './unit.ts';

export interface InstanceAttributes {
  readonly instance_id: string;
  readonly manager: 'systemd' | 'process';
  readonly dir: string;
  readonly bin_dir: string;
  readonly socket_dir: string;
  readonly port: number;
  readonly patroni_port: number;
  readonly patroni: string;
  readonly python: string;
  /** Major version, with the least minor that will do where the spec names one: `17` or `17.4`. */
  readonly postgres_version: string;
  readonly running: boolean;
  readonly restart_requested: string | null;
  /** Its host's id, which is the member's name in Patroni. */
  readonly member: string;
  /** `address:port` of Patroni's REST interface. */
  readonly rest: string;
  readonly settings: InstanceSettings;
}

/** What the running server is to be brought in line with. */
export interface InstanceSettings {
  /** Every parameter with its value, as it stands in postgresql.conf. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly pg_hba: readonly string[];
  readonly pg_ident: readonly string[];
}

/** Parameters whose running value is text of its own, with a unit that the server chooses. */
const INEXACT = new Set(['wal_keep_size']);

/** How often data may be begun anew while an instance comes up, before that counts as a failure. */
const ATTEMPTS = 5;

/** How long nothing may change while an instance comes up, in seconds, before that counts as a failure. */
const STALL_SECONDS = 90;

// A unit whose guard says no "starts" with status 0, so what counts is what it is afterwards.
const START_UNIT = `
unit=$1
if [ "$(systemctl is-active "$unit" || :)" = active ]; then systemctl reload "$unit" || :; fi
# It starts at boot by a link, of which a running systemd need not know: reading all units anew takes it a while.
systemctl --quiet --no-reload enable "$unit" 2>/dev/null
systemctl start "$unit" || :
state=$(systemctl is-active "$unit" || :)
case $state in active|activating|reloading) ;; *)
  echo "$unit is $state:" >&2
  journalctl --quiet --no-pager --output=cat --lines=20 --unit="$unit" >&2 || :
  exit 1 ;;
esac
`;

const STOP_UNIT = `
unit=$1 dir=$2
systemctl stop "$unit"
systemctl --quiet disable "$unit" 2>/dev/null
${STOP_POSTMASTER}
`;

// Ready is: a primary that accepts connections, or a replica that streams. What it prints until then is what
// counts as progress.
const READY = `
dir=$1 bin=$2 socket=$3 port=$4 manager=$5 unit=$6
${FIND_PATRONI}
words() {
  if [ "$manager" = systemd ]; then journalctl --quiet --no-pager --output=cat --lines="$1" --unit="$unit"
  else tail -n "$1" "$dir/patroni.log"; fi
}
export PGCONNECT_TIMEOUT=5
# Whoever starts needs the processor more than this does: nobody is asked before there is somebody.
if [ -e "$dir/data/postmaster.pid" ] && row=$("$bin/psql" -XAtq -h "$socket" -p "$port" -U postgres -d postgres -c "
  select case when not pg_is_in_recovery() then 'primary ' || version
              when exists (select from pg_stat_wal_receiver where status = 'streaming') then 'replica ' || version
              else 'waiting to stream from its primary, recovered to '
                || coalesce(pg_last_wal_replay_lsn()::text, '?') end
  from (select split_part(current_setting('server_version'), ' ', 1)) as server (version)" 2>/dev/null); then
  printf '%s\\n' "$row"
  case $row in primary*|replica*) exit 0 ;; *) exit 75 ;; esac
fi
# Looking at all of it takes longer than a turn, and from those who are starting: once a second, whatever a turn takes.
turn=\${PGCTL_TURN:-0} every=10
# Of an earlier operation.
if [ "\${PGCTL_TURN-}" = 0 ] && [ -e "$dir/data.attempt" ]; then rm -f "$dir/data.attempt"; fi
if [ "$turn" -ge ${SLOW_TURN} ]; then every=3; fi
if [ -z "\${PGCTL_STALLED-}" ] && [ $((turn % every)) != 0 ]; then printf '%s\\n' "\${PGCTL_LAST-}"; exit 75; fi
if [ "$manager" = systemd ]; then
  state=$(systemctl is-active "$unit" || :)
  case $state in active|activating|reloading|deactivating) ;; *)
    echo "$unit is $state:"; words 20; exit 1 ;;
  esac
elif ! pgctl_patroni; then
  echo "Patroni ended:"; words 20; exit 1
fi
if [ -n "\${PGCTL_STALLED-}" ]; then words 10; exit 75; fi
# Logs grow whether or not anything comes of it. A copy or an initdb that fails is begun anew, for ever: that changes
# the size, too, and is no progress. What was printed last says how much there was, and which attempt it is.
size=$(du -sk --exclude='*.log' "$dir" 2>/dev/null | cut -f 1) || :
size=$((\${size:-0} * 1024)) before=0 attempt=1
set -- \${PGCTL_LAST-}
case "\${1-}" in starting,|copying,) before=$2 ;; esac
case "\${PGCTL_LAST-}" in *'(attempt '*) attempt=\${PGCTL_LAST##*attempt } attempt=\${attempt%)} ;; esac
if [ $((size * 2)) -lt "$before" ]; then attempt=$((attempt + 1)); fi
# A copy says itself which one it is; of an initdb only its size tells.
said=$(head -n 1 "$dir/data.attempt" 2>/dev/null) || said=
case $said in ''|*[!0-9]*) ;; *) attempt=$said ;; esac
if [ "$attempt" -gt ${ATTEMPTS} ]; then
  words 10; echo "its data was begun anew ${ATTEMPTS} times, and did not become whole"; exit 1
fi
doing=starting total=
if [ -d "$dir/data.new" ]; then
  doing=copying total=$(head -n 1 "$dir/data.size" 2>/dev/null) || total=
  case $total in ''|*[!0-9]*) total= ;; *) total=" of $total" ;; esac
fi
[ "$attempt" = 1 ] && attempt= || attempt=" (attempt $attempt)"
echo "$doing, $size$total bytes of data$attempt"
exit 75
`;

const ALIVE = `
dir=$1
pid=$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null) || pid=
if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$(readlink -f "$dir/data")" ]; then
  echo up
else echo down; fi
`;

// What Patroni's part for etcd imports is looked for and not loaded: that would take each host half a second.
const CHECK_PROGRAMS = `
bin=$1 patroni=$2 python=$3 wanted=$4
if [ ! -x "$bin/postgres" ]; then
  echo "PostgreSQL \${wanted%%.*} is not installed ($bin/postgres is missing)"
else
  case $wanted in *.*)
    version=$("$bin/postgres" --version | sed -E 's/^[^0-9]*([0-9.]+).*/\\1/')
    if [ "$(printf '%s\\n%s\\n' "$wanted" "$version" | sort -V | head -n 1)" != "$wanted" ]; then
      echo "PostgreSQL $version is older than the $wanted that the spec asks for"
    fi ;;
  esac
fi
[ -x "$patroni" ] || echo "Patroni is not installed ($patroni is missing)"
"$python" -c '
import os, sys
from importlib.util import find_spec
patroni = find_spec("patroni")
there = patroni and os.path.exists(os.path.join(os.path.dirname(patroni.origin), "dcs", "etcd3.py"))
sys.exit(not (there and all(find_spec(name) for name in ("etcd", "dns", "urllib3"))))
' 2>/dev/null || echo "Patroni cannot use etcd: install python3-etcd"
`;

// /proc/net/tcp has the port in hex and 0A for listening; reading it needs neither ss nor any rights. What an
// earlier run of this create started, and did not live to record, runs in the instance's own directory.
const CHECK_PORTS = `
dir=$1; shift
own_sockets() {
  find /proc -maxdepth 2 -name cwd -printf '%h %l\\n' 2>/dev/null | while read -r process at; do
    case $at in "$dir"|"$dir/data") find "$process/fd" -lname 'socket:*' -printf '%l\\n' 2>/dev/null || : ;; esac
  done
}
for port; do
  hex=$(printf '%04X' "$port")
  sockets=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v p=":$hex" '
    $4 == "0A" && substr($2, length($2) - 4) == p { print "socket:[" $10 "]" }')
  [ -n "$sockets" ] || continue
  own=$(own_sockets)
  if [ -z "$own" ] || printf '%s\\n' "$sockets" | grep -qvxF -- "$own"; then
    echo "port $port is taken by a process that is not pgctl's"
  fi
done
`;

function start(a: InstanceAttributes): ScriptStep {
  return a.manager === 'systemd'
    ? {
        kind: 'script',
        name: `start ${unitName(a.instance_id)}`,
        script: START_UNIT,
        args: [unitName(a.instance_id)],
        account: 'admin',
      }
    : {
        kind: 'script',
        name: `start Patroni of ${a.instance_id}`,
        script: START_PROCESS,
        args: [a.dir],
        account: 'postgres',
      };
}

function ready(a: InstanceAttributes): WaitStep {
  return {
    kind: 'wait',
    name: `wait for ${a.instance_id} to accept connections, and to stream if it is a replica`,
    script: READY,
    args: [a.dir, a.bin_dir, a.socket_dir, String(a.port), a.manager, unitName(a.instance_id)],
    account: 'admin',
    stallSeconds: STALL_SECONDS,
  };
}

/** Stops it for good: it does not start again when its host boots. */
function stop(a: InstanceAttributes): ScriptStep {
  return a.manager === 'systemd'
    ? {
        kind: 'script',
        name: `stop ${unitName(a.instance_id)}`,
        script: STOP_UNIT,
        args: [unitName(a.instance_id), a.dir],
        account: 'admin',
      }
    : {
        kind: 'script',
        name: `stop Patroni of ${a.instance_id}`,
        script: `dir=$1\n${STOP_PROCESS}`,
        args: [a.dir],
        account: 'postgres',
      };
}

/** A step of the client on an instance's own host. */
export function clientStep(
  resource: Resource,
  context: LifecycleContext,
  what: Pick<Parameters<typeof patroniClientStep>[0], 'name' | 'command' | 'input'>,
): Step {
  const a = attributesOf<InstanceAttributes>(resource);
  const { python, dir, bin_dir, socket_dir, member, rest } = a;
  return patroniClientStep({
    ...what,
    target: { python, dir, unit: unitName(a.instance_id), bin_dir, socket_dir, member, rest },
    password: context.secret('restapi'),
  });
}

/** Gives the primary's role to one of these members, or to whichever is best, where the instance has it. */
export function handOver(resource: Resource, to: readonly string[] | null, context: LifecycleContext): Step {
  return clientStep(resource, context, {
    name: `hand over from ${resource.id}`,
    command: 'hand_over',
    input: { to },
  });
}

/** Brings a running instance in line with its files; restarts it where a value needs it, or it was asked for. */
function settle(resource: Resource, previous: Resource, context: LifecycleContext): Step {
  const a = attributesOf<InstanceAttributes>(resource);
  const before = attributesOf<InstanceAttributes>(previous);
  const { parameters, pg_hba, pg_ident } = a.settings;
  const dynamic = Object.entries(parameters).filter(
    ([name]) => Object.hasOwn(DYNAMIC_PARAMETERS, name) && !INEXACT.has(name),
  );
  return clientStep(resource, context, {
    name: `bring ${a.instance_id} in line with its settings`,
    command: 'settle',
    input: {
      parameters,
      dropped: Object.keys(before.settings.parameters).filter((name) => !Object.hasOwn(parameters, name)),
      exact: Object.fromEntries(dynamic),
      pg_hba,
      pg_ident,
      port: a.port,
      restart: before.running && a.restart_requested !== before.restart_requested,
    },
  });
}

function programChecks(a: InstanceAttributes, before: InstanceAttributes | null): ScriptStep[] {
  const programsOf = (of: InstanceAttributes): string[] => [
    of.bin_dir,
    of.patroni,
    of.python,
    of.postgres_version,
  ];
  const args = programsOf(a);
  if (before !== null && isDeepStrictEqual(args, programsOf(before))) return [];
  const name = `check the programs for ${a.instance_id}`;
  return [{ kind: 'script', name, script: CHECK_PROGRAMS, args, account: 'admin' }];
}

/** Of an instance that was there before, only the ports that it is to move to. */
function portChecks(a: InstanceAttributes, before: InstanceAttributes | null): ScriptStep[] {
  const held = before === null ? [] : [before.port, before.patroni_port];
  const ports = [a.port, a.patroni_port].filter((port) => !held.includes(port)).map(String);
  if (ports.length === 0) return [];
  return [
    {
      kind: 'script',
      name: `check the ports for ${a.instance_id}`,
      script: CHECK_PORTS,
      args: [a.dir, ...ports],
      account: 'admin',
    },
  ];
}

function bringUp(resource: Resource): Step[] {
  const a = attributesOf<InstanceAttributes>(resource);
  return a.running ? [start(a), ready(a)] : [];
}

function reconfigure(resource: Resource, previous: Resource, context: LifecycleContext): Step[] {
  const a = attributesOf<InstanceAttributes>(resource);
  const before = attributesOf<InstanceAttributes>(previous);
  if (!a.running) return [...(before.running ? [handOver(previous, null, context)] : []), stop(a)];
  // Patroni listens anew only when it starts anew.
  const moved = before.running && before.rest !== a.rest;
  return [
    ...(moved ? [handOver(previous, null, context), stop(before)] : []),
    start(a),
    // The port may still be the earlier one: that it serves is for settling to see.
    settle(resource, previous, context),
    ready(a),
  ];
}

/** What an update is, by what differs; null where it is a matter of settings. */
function actionOf({ type, resource, previous }: PlanEvent): string | null {
  if (type !== 'update' || previous === null) return null;
  const [a, before] = [resource, previous].map((each) => attributesOf<InstanceAttributes>(each));
  if (a === undefined || before === undefined) return null;
  if (!a.running) return 'stop';
  if (!before.running) return 'start';
  return a.restart_requested === before.restart_requested ? null : 'restart';
}

/**
 * One Postgres server of a node. Making it starts what the unit or process installed and waits until it
 * serves; all members of a node start in one phase and sort out among themselves who copies from whom.
 */
export const instanceType: ResourceType = {
  type: 'instance',
  version: 1,
  verbs: { create: 'start', update: 'reconfigure', delete: 'forget' },
  refresh(resource) {
    const a = attributesOf<InstanceAttributes>(resource);
    if (!a.running) return null;
    return {
      steps: [
        { kind: 'script', name: `look at ${a.instance_id}`, script: ALIVE, args: [a.dir], account: 'admin' },
      ],
      read: ([output]): Found => ({ kind: output?.stdout.trim() === 'up' ? 'found' : 'not_found' }),
    };
  },
  create: (resource) => bringUp(resource),
  update: reconfigure,
  action: actionOf,
  cost: instanceCost,
  inert: (type) => type === 'delete',
  // Empty on purpose. The unit's delete stops the server, the directory's removes the data, and the record of
  // the instance is removed by the operation when all of it has succeeded: that is what lets a recovery drop
  // the instances of a lost host without running anything there.
  delete: () => [],
  check(resource, { previous }) {
    const a = attributesOf<InstanceAttributes>(resource);
    const before = previous === null ? null : attributesOf<InstanceAttributes>(previous);
    const steps = [...programChecks(a, before), ...portChecks(a, before)];
    if (steps.length === 0) return null;
    return { steps, read: (outputs) => outputs.flatMap((output) => findingsOf([output])) };
  },
  observe(outputs): InstanceObservation | null {
    const versions = outputs.flatMap(
      ({ stdout }) => /^(?:primary|replica) (\S+)$/.exec(stdout.trim())?.[1] ?? [],
    );
    const version = versions.at(-1);
    return version === undefined ? null : { serverVersion: version };
  },
};

/** How to reach an instance's Postgres on its own host. */
export function serverOf(resource: Resource, database = 'postgres'): SqlConnection {
  const a = attributesOf<InstanceAttributes>(resource);
  return { bin_dir: a.bin_dir, socket_dir: a.socket_dir, port: a.port, database };
}

export function instance(
  host: string,
  attributes: InstanceAttributes,
  dependencies: readonly ResourceKey[],
): Resource {
  return buildResource(instanceType, {
    id: attributes.instance_id,
    executor: { kind: 'host', host },
    attributes,
    dependencies,
  });
}
