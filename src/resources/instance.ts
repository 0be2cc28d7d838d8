import { isDeepStrictEqual } from 'node:util';
import type { PlanEvent } from '../plan/plan.ts';
import type { Resource, ResourceKey } from '../plan/resource.ts';
import { DYNAMIC_PARAMETERS } from '../spec/parameters.ts';
import type { ScriptStep, SqlConnection, Step } from '../steps/step.ts';
import { patroniClientStep } from './patroni-client.ts';
import { instanceCost } from './instance-cost.ts';
import { STOP_POSTMASTER } from './postmaster.ts';
import { START_PROCESS, STOP_PROCESS } from './process.ts';
import { type Awaited, awaitReady } from './readiness.ts';
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

export interface InstanceAttributes extends Awaited {
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
  return a.running ? [start(a), awaitReady(a)] : [];
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
    awaitReady(a),
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
