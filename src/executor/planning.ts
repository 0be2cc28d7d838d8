import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { PgctlError, toPgctlError } from '../errors.ts';
import { canonicalJson } from '../json.ts';
import { migrate } from '../plan/migrate.ts';
import type { Plan } from '../plan/plan.ts';
import { planOperation } from '../plan/plan-operation.ts';
import { applyRefresh } from '../plan/refresh.ts';
import { type Resource, resourceKey, type ResourceKey, type StoredResource } from '../plan/resource.ts';
import { MIGRATIONS } from '../resources/registry.ts';
import { refuseCorrupt, refuseCorruptHosts } from '../store/snapshot.ts';
import type { Store } from '../store/store.ts';
import { checkPlans } from './checks.ts';
import { decisionDocument } from './decision.ts';
import type { Intention, View } from './intention.ts';
import { isInert, type Surroundings } from './lifecycle.ts';
import { refreshResources } from './refresh.ts';
import type { OperationRequest, OperationTools } from './request.ts';

/** What is planned, before anything is marked. */
export interface Planned {
  readonly view: View;
  readonly intention: Intention;
  readonly plans: readonly Plan[];
  readonly around: Surroundings & { readonly state: Map<ResourceKey, StoredResource> };
  /** Resources to store anew when all is done, without an event of their own. */
  readonly restated: readonly StoredResource[];
  /** Resources on lost hosts, which leave the state without an event. */
  readonly abandoned: readonly StoredResource[];
}

async function readView(store: Store, databaseId: string): Promise<View> {
  const snapshot = await store.readDatabase(databaseId);
  refuseCorrupt(snapshot);
  refuseCorruptHosts(
    snapshot,
    snapshot.instances.map(({ value }) => value.host_id),
  );
  return {
    snapshot,
    hosts: new Map([...snapshot.hosts].map(([id, { value }]) => [id, value])),
    secrets: await store.openSecrets(snapshot),
  };
}

/** A failover takes as long as the leader's lease (30 s) and a little more; a new cluster's first leader less. */
const LEADER_PATIENCE_MS = 45_000;
const LEADER_POLL_MS = 200;

/**
 * Host id of the node's primary as Patroni says: its members are named after their hosts. Between two leaders
 * it waits for the next, and so it does for one of a lost host. Null where none came.
 */
async function leaderOf(store: Store, scope: string, lostHosts: ReadonlySet<string>): Promise<string | null> {
  const [database = '', node = ''] = scope.split('.');
  const end = performance.now() + LEADER_PATIENCE_MS;
  for (;;) {
    const leader = (await store.patroni.get(database, node))?.leader ?? null;
    if (leader !== null && !lostHosts.has(leader)) return leader;
    if (performance.now() > end) return null;
    await delay(LEADER_POLL_MS);
  }
}

/** That a host cannot be used as it is, and maybe only because of a port that was chosen without asking. */
class PortsInDoubt extends Error {}

/** Refreshes, plans and checks. Only reads. */
export async function planWork(tools: OperationTools, request: OperationRequest): Promise<Planned> {
  const view = await readView(tools.store, request.databaseId);
  return planOn(view, tools, request).catch((error: unknown) => {
    if (!(error instanceof PortsInDoubt)) throw error;
    return planOn(view, { ...tools, portsInDoubt: true }, request);
  });
}

async function planOn(view: View, tools: OperationTools, request: OperationRequest): Promise<Planned> {
  const { store, transport, report } = tools;
  const intention = await request.decide(view, tools);
  const stored = view.snapshot.resources.map(({ value }) => migrate(value, MIGRATIONS));
  const state = new Map<ResourceKey, StoredResource>(
    stored.map((resource) => [resourceKey(resource), resource]),
  );
  const { lostHosts = new Set<string>(), force = false } = intention;
  const around = {
    hosts: view.hosts,
    secrets: new Map([...view.secrets, ...intention.secrets]),
    state,
    primaryOf: (scope: string) => leaderOf(store, scope, lostHosts),
  };
  if (state.size > 0) report({ kind: 'stage', name: 'refresh', entity: request.databaseId });
  const refreshed = applyRefresh(
    stored,
    await refreshResources({ transport, around, bounds: tools }, lostHosts),
  );
  for (const resource of refreshed.state) state.set(resourceKey(resource), resource);
  const { plans, restated, abandoned } = planOperation({
    current: refreshed.state,
    desired: intention.desired,
    lostHosts,
    force,
  });
  const planned: Planned = { view, intention, plans, around, restated, abandoned };
  request.approve?.(decisionDocument(request, planned));
  assertPrimaries(plans, intention.desired.at(-1) ?? []);
  if (plans.length > 0) report({ kind: 'stage', name: 'check', entity: request.databaseId });
  await checkPlans(
    { transport, around, bounds: tools },
    { plans, primaries: view.snapshot.patroni, unreachableHosts: refreshed.unreachableHosts },
  ).catch((error: unknown) => {
    const doubtful = intention.portsAssumed === true && toPgctlError(error).code === 'host_unusable';
    throw doubtful ? new PortsInDoubt() : error;
  });
  return planned;
}

/**
 * Refuses what would have to be done inside a Postgres none of whose instances is to run.
 *
 * @throws PgctlError `usage`
 */
function assertPrimaries(plans: readonly Plan[], desired: readonly Resource[]): void {
  const stopped = desired.filter(
    ({ type, attributes }) => type === 'node' && (attributes['members'] as readonly string[]).length === 0,
  );
  for (const node of stopped) {
    const event = plans
      .flat(2)
      .find(
        (e) =>
          e.resource.executor.kind === 'primary' &&
          e.resource.contained_in === resourceKey(node) &&
          !isInert(e),
      );
    if (event === undefined) continue;
    throw new PgctlError(
      'usage',
      `${resourceKey(event.resource)} cannot be changed while every instance of ${node.id} is stopped`,
      { hint: `Start one first: \`pgctl instance start <instance>\`; \`pgctl instance list\` names them.` },
    );
  }
}

/** Whether an operation has anything to do or to write down. */
export function changesAnything({ plans, intention, abandoned, view: { snapshot } }: Planned): boolean {
  const before = snapshot.database?.value;
  if (plans.length > 0 || abandoned.length > 0 || intention.secrets.size > 0) return true;
  if (before?.state !== 'available' || intention.database.state === 'deleting') return true;
  if (canonicalJson(before.spec) !== canonicalJson(intention.database.spec)) return true;
  const records = new Map(snapshot.instances.map(({ value }) => [value.instance_id, value]));
  return (
    records.size !== intention.instances.length ||
    intention.instances.some(({ instance_id, running, restart_requested, port, patroni_port }) => {
      const record = records.get(instance_id);
      return (
        record?.running !== running ||
        record.restart_requested !== restart_requested ||
        record.port !== port ||
        record.patroni_port !== patroni_port ||
        !['available', 'stopped'].includes(record.state)
      );
    })
  );
}
