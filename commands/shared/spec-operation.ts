import { randomUUID } from 'node:crypto';
import { desiredState } from '../../plans/desired-state.ts';
import { instanceId, type PlacedInstance, placeInstances, portDomain } from '../../plans/placement.ts';
import { updateDatabase } from '../../plans/update-database.ts';
import { PgctlError } from '../../src/errors.ts';
import { canonicalJson } from '../../src/json.ts';
import type { InstanceDraft } from '../../src/records/planned.ts';
import { resourceKey } from '../../src/plan/resource.ts';
import { type EtcdTls, isOverTls } from '../../src/resources/etcd-tls.ts';
import type { HostRecord, InstanceRecord } from '../../src/records/types.ts';
import { invalidSpec, locateIssues } from '../../src/spec/issue.ts';
import { didYouMean } from '../../src/spec/nearest.ts';
import type { DatabaseSpec, SpecIssue, SpecPositions, StoredSpec } from '../../src/spec/types.ts';
import { listeningPortsStep, readListeningPorts } from '../../src/steps/host-facts.ts';
import { hostsUnusable } from '../../src/executor/checks.ts';
import { assertInTime, runOnHost } from '../../src/executor/on-host.ts';
import type { Intention, View } from '../../src/executor/intention.ts';
import type { OperationRequest, OperationTools } from '../../src/executor/request.ts';
import { refuseCorruptHosts } from '../../src/store/snapshot.ts';
import { mayLockOut } from './lock-out.ts';
import { obsoleteSecrets, passwordsFor } from './passwords.ts';

export interface CreationInput {
  readonly spec: DatabaseSpec;
  readonly stored: StoredSpec;
  readonly positions: SpecPositions;
}

/** Whether the spec that is stored says the same: what an interrupted create goes on from. */
const sameSpec = (a: StoredSpec, b: StoredSpec): boolean => canonicalJson(a) === canonicalJson(b);

/**
 * Which ports are in use on the hosts that get an instance for the first time. A host that does not say is for
 * the checks to report, with what all the others lack.
 */
async function listeningOn(
  tools: OperationTools,
  hosts: readonly HostRecord[],
): Promise<Map<string, Set<number>>> {
  const found = await Promise.all(
    hosts.map(async (host): Promise<[string, Set<number>]> => {
      const result = await runOnHost({
        transport: tools.transport,
        host,
        steps: [listeningPortsStep],
        fence: null,
        limitMs: tools.limitMs,
        signal: tools.signal ?? null,
      });
      assertInTime(result, { limitMs: tools.limitMs, ownMs: Infinity });
      const [output] = result.kind === 'ok' ? result.outputs : [];
      return [host.host_id, output === undefined ? new Set() : readListeningPorts(output)];
    }),
  );
  return new Map(found);
}

function reservedPorts(view: View): Map<string, Map<number, string>> {
  const reserved = new Map<string, Map<number, string>>();
  for (const { value } of view.snapshot.ports) {
    const ofHost = reserved.get(value.host) ?? new Map<number, string>();
    reserved.set(value.host, ofHost.set(value.port, value.instance_id));
  }
  return reserved;
}

/**
 * The instances of the spec with their places, or the error that says all that is in the way. Where the spec says which
 * port Postgres has, all that is chosen is Patroni's, which hardly anything else uses: hosts are asked when in doubt.
 */
async function place(
  tools: OperationTools,
  view: View,
  input: CreationInput,
  instances: readonly InstanceRecord[],
): Promise<{ readonly instances: readonly PlacedInstance[]; readonly assumed: boolean }> {
  const { spec, positions } = input;
  refuseCorruptHosts(
    view.snapshot,
    spec.nodes.flatMap(({ host_ids }) => host_ids),
  );
  const fresh = spec.nodes.flatMap((node) =>
    node.host_ids
      .filter((host) => !instances.some((i) => i.instance_id === instanceId(spec.id, node.name, host)))
      .flatMap((host) => view.hosts.get(host) ?? []),
  );
  const request = {
    spec,
    hosts: view.hosts,
    instances,
    reserved: reservedPorts(view),
    endpoints: tools.endpoints,
  };
  // What the records alone can refuse is refused before any host is asked.
  const first = placeInstances({ ...request, listening: new Map() });
  if (!first.ok) throw refused(first, input);
  if (fresh.length === 0) return { instances: first.instances, assumed: false };
  if (portIsGiven(spec) && tools.portsInDoubt !== true) return { instances: first.instances, assumed: true };
  const placed = placeInstances({ ...request, listening: await listeningOn(tools, fresh) });
  if (!placed.ok) throw refused(placed, { spec, positions });
  return { instances: placed.instances, assumed: false };
}

const portIsGiven = (spec: DatabaseSpec): boolean =>
  spec.nodes.every((node) => (node.port ?? spec.port) !== undefined);

function refused(
  problems: Extract<ReturnType<typeof placeInstances>, { ok: false }>,
  { positions }: Pick<CreationInput, 'spec' | 'positions'>,
): PgctlError {
  if (problems.issues.length > 0)
    return invalidSpec(positions.file, locateIssues(positions, problems.issues));
  return hostsUnusable(problems.findings);
}

/** How a spec is to be taken. */
export interface SpecChange {
  /** `create` a new database, `update` one that is there, or `apply`: whichever it is. */
  readonly mode: 'create' | 'update' | 'apply';
  /** Update also what does not differ. */
  readonly force?: boolean;
}

/**
 * Making a database what a spec says. What an earlier run of the same left unfinished is finished; where
 * nothing differs, nothing is done.
 */
export function specOperation(input: CreationInput, change: SpecChange): OperationRequest {
  const { spec, stored } = input;
  return {
    operation: change.mode,
    databaseId: spec.id,
    command: `db ${change.mode} ${spec.id}`,
    async decide(view, tools): Promise<Intention> {
      const before = view.snapshot.database?.value;
      if (before === undefined && change.mode === 'update') throw await absent(tools, spec.id);
      if (before !== undefined && !sameSpec(before.spec, stored)) {
        if (change.mode === 'create') throw differs(spec.id);
        refuseImpossible(view, input);
      }
      const intention = await intentionFor({ view, tools, input, records: recordsOf(view) });
      if (change.mode === 'create' && before?.state === 'available' && intention.secrets.size > 0)
        throw differs(spec.id);
      return { ...intention, force: change.force ?? false };
    },
  };
}

export const recordsOf = (view: View): InstanceRecord[] => view.snapshot.instances.map(({ value }) => value);

/** What is wanted, from a spec and from what the records of the instances say of each. */
export async function intentionFor(given: {
  readonly view: View;
  readonly tools: OperationTools;
  readonly input: CreationInput;
  /** Instances as they are wanted, where that is not for the spec to say: stopped, or to be restarted. */
  readonly records: readonly InstanceRecord[];
  readonly lostHosts?: ReadonlySet<string>;
}): Promise<Intention> {
  const { view, tools, input, records, lostHosts = new Set<string>() } = given;
  const { spec, stored } = input;
  const before = view.snapshot.database?.value;
  const { instances, assumed } = await place(tools, view, input, records);
  const ids = instances.map(({ instance_id }) => instance_id);
  const etcdUsers = (await mayLockOut(tools.store)) ? ids : null;
  const etcdTls = neededTls(instances, tools);
  const needed = { spec, stored: view.secrets, etcdUsers, etcdTls };
  const passwords = passwordsFor(needed);
  const uid = before?.uid ?? randomUUID();
  const known = new Map(records.map((record) => [record.instance_id, record]));
  const desired = desiredState({
    spec,
    uid,
    instances,
    prefix: tools.store.keys.prefix,
    system_digests: passwords.system,
    verifier_digests: passwords.verifiers,
    etcd_digests: passwords.etcd,
    etcd_tls: passwords.etcdTls,
  });
  return {
    desired: updateDatabase({
      desired,
      current: new Map(view.snapshot.resources.map(({ value }) => [resourceKey(value), value])),
      primaries: primariesOf(view, lostHosts),
    }),
    database: {
      state: before === undefined || before.state === 'creating' ? 'creating' : 'modifying',
      spec: stored,
      uid,
    },
    instances: instances.map((placed) => ({
      ...(known.get(placed.instance_id) ?? draftOf(spec.id, placed)),
      port: placed.port,
      patroni_port: placed.patroni_port,
    })),
    ports: newPorts(view, instances),
    portsAssumed: assumed,
    secrets: passwords.fresh,
    obsoleteSecrets: obsoleteSecrets(needed),
    lostHosts,
  };
}

/** What the instances reach etcd with: nothing where none does over TLS. @throws PgctlError `usage` */
function neededTls(instances: readonly PlacedInstance[], { hostTls }: OperationTools): EtcdTls {
  if (!instances.some(({ endpoints }) => isOverTls(endpoints))) return {};
  if (hostTls.cacert !== undefined) return hostTls;
  throw new PgctlError(
    'usage',
    'hosts cannot tell whether an etcd over TLS is the right one without its CA',
    {
      hint: 'Give it with --cacert (PGCTL_CACERT), also where it is one that your own machine knows. Nothing was changed.',
    },
  );
}

/** Each node's primary as Patroni says, by scope; none that is lost. */
function primariesOf(view: View, lostHosts: ReadonlySet<string>): Map<string, string> {
  return new Map(
    view.snapshot.patroni.flatMap(({ scope, leader }) =>
      leader === null || lostHosts.has(leader) ? [] : [[scope, leader] as const],
    ),
  );
}

/** What no update can do, with the way that does. @throws PgctlError `invalid_spec` */
function refuseImpossible(view: View, { spec, positions }: CreationInput): void {
  const before = view.snapshot.database?.value.spec;
  if (before === undefined) return;
  const issues: SpecIssue[] = [];
  const name = before['database_name'] ?? spec.id;
  if (name !== spec.database_name) {
    issues.push({
      path: 'database_name',
      message: `the database is called ${JSON.stringify(name)} and cannot be renamed; create another one and move the data with pg_dump`,
    });
  }
  const running = recordsOf(view).flatMap(({ postgres_version }) => postgres_version ?? [])[0];
  const major = running === undefined ? null : Number.parseInt(running, 10);
  if (
    spec.postgres_version !== undefined &&
    major !== null &&
    Number.parseInt(spec.postgres_version, 10) !== major
  ) {
    issues.push({
      path: 'postgres_version',
      message: `the database runs PostgreSQL ${major}, and another major version is not supported yet; create another one and move the data with pg_dump`,
    });
  }
  if (issues.length > 0) throw invalidSpec(positions.file, locateIssues(positions, issues));
}

async function absent({ store }: OperationTools, id: string): Promise<PgctlError> {
  const { items } = await store.databases.list();
  const near = didYouMean(
    id,
    items.map(({ value }) => value.database_id),
  );
  return new PgctlError('not_found', `there is no database ${id}`, {
    hint: `${near} \`pgctl db apply\` creates it; \`pgctl db list\` shows those that are there.`.trim(),
  });
}

function differs(id: string): PgctlError {
  return new PgctlError('already_exists', `database ${id} exists already, with another spec`, {
    hint: `\`pgctl db apply\` changes it to this one; \`pgctl db plan\` shows what that would do.`,
  });
}

function draftOf(databaseId: string, placed: PlacedInstance): InstanceDraft {
  return {
    instance_id: placed.instance_id,
    database_id: databaseId,
    host_id: placed.host,
    node_name: placed.node.name,
    port: placed.port,
    patroni_port: placed.patroni_port,
    postgres_version: null,
    running: true,
    restart_requested: null,
  };
}

function newPorts(view: View, instances: readonly PlacedInstance[]): Intention['ports'] {
  const held = new Set(
    view.snapshot.ports.map(({ value }) => `${value.host} ${value.port} ${value.instance_id}`),
  );
  return instances
    .flatMap(({ host, instance_id, port, patroni_port }) => {
      const record = view.hosts.get(host);
      const domain = record === undefined ? host : portDomain(record);
      return [port, patroni_port].map((number) => ({ host: domain, port: number, instance_id }));
    })
    .filter(({ host, port, instance_id }) => !held.has(`${host} ${port} ${instance_id}`));
}
