import { deleteDatabase } from '../../plans/delete-database.ts';
import type { OperationRequest } from '../../src/executor/request.ts';
import type { InstanceRecord } from '../../src/records/types.ts';
import type { StoredSpec } from '../../src/spec/types.ts';
import { requireDatabase } from '../../src/store/snapshot.ts';
import type { DatabaseDocument, InstanceDocument } from '../../src/ui/documents.ts';
import { deletion } from './delete-operation.ts';
import { specOf } from './instance-operation.ts';
import { intentionFor, recordsOf } from './spec-operation.ts';

/** What the loss of hosts means for one database. */
export interface Loss {
  readonly databaseId: string;
  /** Instances on the lost hosts. */
  readonly lost: readonly LostInstance[];
  /** Ids of the instances that are left and hold the data. */
  readonly left: readonly string[];
  /** Ids of those that are left and were never whole: their base backup had not ended. */
  readonly empty: readonly string[];
  /** The primary is among those that are lost, or there is none. */
  readonly leaderless: boolean;
}

interface LostInstance {
  readonly instance_id: string;
  readonly role: string | null;
}

/** What Patroni says of a cluster: its system identifier, once there is data. */
type Clusters = ReadonlyMap<string, { readonly initialize: string | null }>;

/** An instance that ever served has a copy of the data, and so has one that serves now and no record says so yet. */
const hasCopy = ({ postgres_version, role }: InstanceDocument): boolean =>
  postgres_version !== null || role !== null;

/**
 * What goes with the hosts, for every database that has something there.
 *
 * @param clusters by scope: where there never was any data, none is lost, and any instance can begin anew
 */
export function lossesOf(
  databases: readonly DatabaseDocument[],
  clusters: Clusters,
  hosts: ReadonlySet<string>,
): Loss[] {
  return databases.flatMap(({ id, instances, spec }): Loss[] => {
    const lost = instances.filter(({ host_id }) => hosts.has(host_id));
    const named = hostsOf(spec).some((host) => hosts.has(host));
    if (lost.length === 0 && !named) return [];
    const hasData =
      instances.some(hasCopy) ||
      instances.some(({ node_name }) => (clusters.get(`${id}.${node_name}`)?.initialize ?? '') !== '');
    const survivors = instances.filter(({ host_id }) => !hosts.has(host_id));
    const left = survivors.filter((instance) => !hasData || hasCopy(instance));
    const empty = survivors.filter((instance) => !left.includes(instance));
    return [
      {
        databaseId: id,
        lost: lost.map(({ instance_id, role }) => ({ instance_id, role })),
        left: left.map(({ instance_id }) => instance_id),
        empty: empty.map(({ instance_id }) => instance_id),
        leaderless: !left.some(({ role }) => role === 'primary'),
      },
    ];
  });
}

/** Whether a database has no copy of its data left. */
export const losesLastCopy = ({ left }: Loss): boolean => left.length === 0;

/** One database's loss, in words. */
export function lossText(loss: Loss): string {
  const { databaseId, lost, left, empty, leaderless } = loss;
  const goes = lost.map(({ instance_id, role }) =>
    role === null ? instance_id : `${instance_id} (${role})`,
  );
  const lines = [`  ${databaseId} loses ${goes.join(', ') || 'a host that its spec names'}`];
  if (empty.length > 0) lines.push(`    ${empty.join(', ')} never had a whole copy of its data`);
  if (losesLastCopy(loss)) lines.push('    THAT IS THE LAST COPY OF ITS DATA; its records go with it');
  else if (!leaderless) lines.push(`    its primary stays; left are ${left.join(', ')}`);
  else lines.push(`    ${left.length === 1 ? left[0] : `one of ${left.join(', ')}`} becomes its primary`);
  return lines.join('\n');
}

type SpecNode = { readonly host_ids: readonly string[] };

const nodesOf = (spec: StoredSpec): readonly SpecNode[] => (spec['nodes'] ?? []) as unknown as SpecNode[];
const hostsOf = (spec: StoredSpec): string[] => nodesOf(spec).flatMap(({ host_ids }) => host_ids);

/** A spec that does not name the lost hosts any more; a node without hosts leaves it. */
function without(spec: StoredSpec, hosts: ReadonlySet<string>): StoredSpec {
  const nodes = nodesOf(spec)
    .map((node) => ({ ...node, host_ids: node.host_ids.filter((host) => !hosts.has(host)) }))
    .filter(({ host_ids }) => host_ids.length > 0);
  return { ...spec, nodes: nodes };
}

/**
 * Taking lost hosts out of one database: what is on them leaves its state without anything being run, and what
 * is left is brought in line by ordinary events. A database without a copy left goes.
 */
export function recovery(loss: Loss, hosts: ReadonlySet<string>): OperationRequest {
  const { databaseId } = loss;
  const command = `recover ${[...hosts].map((host) => `--remove-host ${host}`).join(' ')}`;
  const shared = { operation: 'recover', databaseId, command };
  if (losesLastCopy(loss)) {
    return {
      ...shared,
      async decide(view, tools) {
        return {
          ...(await deletion(databaseId).decide(view, tools)),
          desired: deleteDatabase(),
          lostHosts: hosts,
        };
      },
    };
  }
  return {
    ...shared,
    decide(view, tools) {
      const database = requireDatabase(view.snapshot).value;
      const survives = ({ host_id }: InstanceRecord): boolean => !hosts.has(host_id);
      return intentionFor({
        view,
        tools,
        input: specOf(databaseId, without(database.spec, hosts)),
        records: recordsOf(view).filter(survives),
        lostHosts: hosts,
      });
    },
  };
}
