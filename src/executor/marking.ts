import type { Json } from '../json.ts';
import type { Plan } from '../plan/plan.ts';
import type { StoredResource } from '../plan/resource.ts';
import { planDocument } from '../plan/summary.ts';
import { supersededTask } from '../records/outcome.ts';
import { isFinal } from '../records/states.ts';
import type { TaskRecord } from '../records/types.ts';
import type { DatabaseLock } from '../store/lock.ts';
import type { MarkedWork } from '../store/planned.ts';
import type { SealingKey } from '../store/seal.ts';
import type { DatabaseSnapshot, Store } from '../store/store.ts';
import { unchanged, type Write } from '../store/write.ts';
import type { Reporter } from '../ui/events.ts';
import type { Intention } from './intention.ts';
import type { Spool } from './spool.ts';

/** An operation that is planned, and what its journal works with. */
export interface MarkRequest {
  readonly store: Store;
  readonly lock: DatabaseLock;
  readonly sealingKey: SealingKey;
  readonly task: TaskRecord;
  readonly snapshot: DatabaseSnapshot;
  readonly intention: Intention;
  readonly plans: readonly Plan[];
  /** Resources on lost hosts, which leave the state when the operation has succeeded. */
  readonly abandoned: readonly StoredResource[];
  readonly now: () => Date;
  /** Where results go that etcd does not take, and the store that they are of. */
  readonly spool: Spool;
  readonly storeId: string;
  readonly report: Reporter;
}

/** Marks the planned work: from here on the records say that it is in progress. */
export async function markPlanned(request: MarkRequest): Promise<MarkedWork> {
  const { store, lock, snapshot, intention, plans, task } = request;
  const now = request.now().toISOString();
  const before = snapshot.database;
  const previous = await store.tasks.getEach([before?.value.last_task_id ?? []].flat());
  return store.updatePlannedInstanceStates(lock, {
    plans,
    now,
    database: {
      current: before,
      next: {
        ...before?.value,
        database_id: snapshot.databaseId,
        spec: intention.database.spec,
        uid: intention.database.uid,
        state: intention.database.state,
        last_task_id: task.task_id,
        created_at: before?.value.created_at ?? now,
        updated_at: now,
        error: null,
      },
    },
    task: { current: null, next: task },
    instances: snapshot.instances,
    drafts: intention.instances,
    abandoned: snapshot.instances
      .filter(({ value }) => intention.lostHosts?.has(value.host_id) ?? false)
      .map(({ value }) => value.instance_id),
    with: [
      ...accompanying(request),
      // Who holds the lock knows that nobody else is at work.
      ...previous.items
        .filter(({ value }) => !isFinal(value.state))
        .map((stored) =>
          store.tasks.write(supersededTask(stored.value, task.task_id, now), unchanged(stored)),
        ),
    ],
  });
}

/** What has to be there before any host is touched: reservations, secrets, guards, the plan itself. */
function accompanying({ store, snapshot, intention, plans, task, sealingKey }: MarkRequest): Write[] {
  const { databaseId } = snapshot;
  const document = planDocument({ operation: task.operation, databaseId, plans });
  return [
    ...intention.ports.map((reservation) => store.ports.reserve(reservation)),
    ...[...new Set(intention.instances.map(({ host_id }) => host_id))].map((host) =>
      store.hosts.stillThere(host),
    ),
    ...[...intention.secrets].map(([name, value]) =>
      store.secrets.write({
        database: databaseId,
        name,
        value,
        key: sealingKey,
        expect: unchanged(snapshot.secrets.get(name)),
      }),
    ),
    ...intention.instances.map(({ instance_id }) =>
      store.guards.write(instance_id, { database_uid: intention.database.uid, allowed: true }, 'any'),
    ),
    // From now on they do not start any more, should their host come back in the middle of this.
    ...snapshot.instances
      .filter(({ value }) => intention.lostHosts?.has(value.host_id) ?? false)
      .map(({ value }) =>
        store.guards.write(
          value.instance_id,
          { database_uid: intention.database.uid, allowed: false },
          'any',
        ),
      ),
    store.tasks.writePlan(task.task_id, document as unknown as Json, 'absent'),
  ];
}
