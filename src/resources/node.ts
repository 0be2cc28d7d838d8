import type { Resource, ResourceKey } from '../plan/resource.ts';
import type { Step } from '../steps/step.ts';
import { clientStep, handOver, type InstanceAttributes } from './instance.ts';
import { attributesOf, buildResource, type LifecycleContext, type ResourceType } from './type.ts';

export interface NodeAttributes {
  readonly scope: string;
  /**
   * Host ids of its members that are to run, which are their names in Patroni; the first was the initial
   * primary. None where all of them were stopped.
   */
  readonly members: readonly string[];
}

/** How long nothing may change while a replica catches up, in seconds. */
const STALL_SECONDS = 60;

const AWAIT_STREAMS = `
bin=$1 socket=$2 port=$3 primary=$4; shift 4
export PGCONNECT_TIMEOUT=5
rows=$("$bin/psql" -XAtqF ' ' -h "$socket" -p "$port" -U postgres -d postgres -c "
  select application_name, state, greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::bigint
  from pg_stat_replication" 2>/dev/null) || { echo "waiting for $primary to accept connections as primary"; exit 75; }
left=
for name; do
  row=$(printf '%s\\n' "$rows" | grep "^$name " | tail -n 1) || :
  case $row in
    "$name streaming "*) ;;
    "$name "*' ') left="$left, $name to stream from $primary" ;;
    "$name "*) left="$left, $name to stream from $primary, \${row##* } bytes to go" ;;
    *) left="$left, $name to connect to $primary" ;;
  esac
done
[ -n "$left" ] || exit 0
echo "waiting for \${left#, }"
exit 75
`;

/** Waits on the primary until the others stream from it. */
function allStream({ members, scope }: NodeAttributes, context: LifecycleContext): Step[] {
  const { member } = attributesOf<InstanceAttributes>(context.instance());
  const others = members.filter((name) => name !== member);
  if (others.length === 0) return [];
  const { bin_dir, socket_dir, port } = context.server();
  return [
    {
      kind: 'wait',
      name: `wait until the replicas of ${scope} stream`,
      script: AWAIT_STREAMS,
      args: [bin_dir, socket_dir, String(port), member, ...others],
      account: 'postgres',
      stallSeconds: STALL_SECONDS,
    },
  ];
}

/** What was changed serves by now, and Patroni may not have noticed: it is told to look. */
function gather(a: NodeAttributes, context: LifecycleContext): Step {
  return clientStep(context.instance(), context, {
    name: `have etcd show the members of ${a.scope} as they are`,
    command: 'gather',
    input: { members: a.members },
  });
}

/**
 * What is done on the primary of a node. One that is no member any more, because its instance is about to be removed,
 * hands over to one that is.
 */
function onPrimary(
  resource: Resource,
  context: LifecycleContext,
  steps: (a: NodeAttributes) => Step[],
): Step[] {
  const a = attributesOf<NodeAttributes>(resource);
  const primary = context.instance();
  const { member } = attributesOf<InstanceAttributes>(primary);
  return a.members.includes(member) ? steps(a) : [handOver(primary, a.members, context)];
}

/** One Patroni cluster as a whole: all its instances are up and a primary is known. */
export const nodeType: ResourceType = {
  type: 'node',
  version: 1,
  verbs: { create: 'await replicas', update: 'await replicas', delete: 'forget node' },
  refresh: () => null,
  // Where it begins, each instance has just waited until it streams. That etcd shows the members is waited for at the end
  // of the operation, see `untilTold`.
  create: (resource, context) =>
    onPrimary(resource, context, (a) => (context.nodeBegins() ? [] : allStream(a, context))),
  update: (resource, _previous, context) =>
    onPrimary(resource, context, (a) => [gather(a, context), ...allStream(a, context)]),
  inert: (type, resource) => type === 'delete' || attributesOf<NodeAttributes>(resource).members.length === 0,
  // What it is made of are resources of their own.
  delete: () => [],
};

export function node(attributes: NodeAttributes, dependencies: readonly ResourceKey[]): Resource {
  return buildResource(nodeType, {
    id: attributes.scope,
    executor: { kind: 'primary', node: attributes.scope },
    attributes,
    dependencies,
  });
}
