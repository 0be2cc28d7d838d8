import type { Resource, ResourceKey } from '../plan/resource.ts';
import { quoteLiteral } from '../steps/quote.ts';
import type { Step } from '../steps/step.ts';
import { handOver, type InstanceAttributes } from './instance.ts';
import { attributesOf, buildResource, type LifecycleContext, type ResourceType } from './type.ts';

export interface NodeAttributes {
  readonly scope: string;
  /**
   * Host ids of its members that are to run, which are their names in Patroni; the first was the initial
   * primary. None where all of them were stopped.
   */
  readonly members: readonly string[];
}

const STREAM_TIMEOUT_SECONDS = 60;

/**
 * Waits until etcd shows every member as running, and on the primary until the others stream from it. A primary that is no member any more, because
 * its instance is about to be removed, hands over to one that is.
 */
function allStream(resource: Resource, context: LifecycleContext): Step[] {
  const a = attributesOf<NodeAttributes>(resource);
  const primary = context.instance();
  if (!a.members.includes(attributesOf<InstanceAttributes>(primary).member))
    return [handOver(primary, a.members, context)];
  const told: Step = { kind: 'await_members', scope: a.scope, members: a.members };
  const wanted = a.members.length - 1;
  if (wanted === 0) return [told];
  const names = a.members.map(quoteLiteral).join(', ');
  return [
    told,
    {
      kind: 'sql',
      name: `wait until the replicas of ${a.scope} stream`,
      connection: context.server(),
      sql: `do $pgctl$
declare deadline constant timestamptz := clock_timestamp() + interval '${STREAM_TIMEOUT_SECONDS} s'; n int;
begin
  loop
    select count(*) into n from pg_stat_replication
      where state = 'streaming' and application_name in (${names});
    exit when n >= ${wanted};
    if clock_timestamp() > deadline then
      raise exception 'only % of ${wanted} replicas stream after ${STREAM_TIMEOUT_SECONDS} s', n;
    end if;
    perform pg_sleep(0.1);
    perform pg_stat_clear_snapshot();
  end loop;
end $pgctl$;
`,
    },
  ];
}

/** One Patroni cluster as a whole: all its instances are up and a primary is known. */
export const nodeType: ResourceType = {
  type: 'node',
  version: 1,
  verbs: { create: 'await replicas', update: 'await replicas', delete: 'forget node' },
  refresh: () => null,
  create: allStream,
  update: (resource, _previous, context) => allStream(resource, context),
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
