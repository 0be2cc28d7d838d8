import { createHash } from 'node:crypto';
import { type PgctlError, toPgctlError } from '../errors.ts';
import { canonicalJson } from '../json.ts';
import { resourceKey, type ResourceKey, type StoredResource } from '../plan/resource.ts';
import { type Failure, failedInstance, succeededInstance } from '../records/outcome.ts';
import type { DatabaseRecord, InstanceRecord, TaskEventRecord, TaskRecord } from '../records/types.ts';
import type { Stored } from '../store/codec.ts';
import type { KeptResult, KeptTask, KeptWrite } from '../store/kept.ts';
import { INSTANCE_TYPE, type MarkedWork } from '../store/planned.ts';
import type { PortReservation } from '../store/ports.ts';
import { type Expect, unchanged, type Write } from '../store/write.ts';
import { endOf, keepUnended, unsuccessfulEnd } from './ending.ts';
import { type MarkRequest, markPlanned } from './marking.ts';
import { settleKept } from './reconcile.ts';
import type { PlacedEvent } from './placed-event.ts';
import type { EndedEvent, Journal, RunOutcome } from './run-plans.ts';

/** A digest of what an event was to make, so that a resume can tell whether that is still wanted. */
function inputHash({ event }: PlacedEvent): string {
  const { type, id, attributes } = event.resource;
  return createHash('sha256')
    .update(canonicalJson([event.type, type, id, attributes]))
    .digest('hex')
    .slice(0, 16);
}

/**
 * What an operation writes to etcd from its marking to its end, each write under its lock: records in
 * progress, intents and outcomes of events, resources as they come to be, and the end.
 */
export class OperationJournal implements Journal {
  readonly #request: MarkRequest;
  readonly #instances: Map<string, Stored<InstanceRecord>>;
  readonly #marked: ReadonlySet<string>;
  readonly #database: Stored<DatabaseRecord>;
  #task: Stored<TaskRecord>;
  /** Mod revision of each stored resource. */
  readonly #revisions: Map<ResourceKey, string>;
  /** Events of an instance that are still to come: its record stays in progress until the last. */
  readonly #pending = new Map<string, number>();
  readonly #reached = new Map<string, string>();
  /** Of events that ended, and whose outcome etcd did not take. */
  readonly #unwritten: KeptResult[] = [];
  #anyUnknown = false;
  #seq = 0;
  #done = 0;
  #failed = 0;

  private constructor(request: MarkRequest, marked: MarkedWork) {
    this.#request = request;
    this.#instances = new Map(marked.instances);
    this.#marked = marked.marked;
    this.#database = marked.database;
    this.#task = marked.task;
    this.#revisions = new Map(
      request.snapshot.resources.map(({ value, modRevision }) => [resourceKey(value), modRevision]),
    );
    for (const { resource } of request.plans.flat(2)) {
      if (resource.type !== INSTANCE_TYPE) continue;
      this.#pending.set(resource.id, (this.#pending.get(resource.id) ?? 0) + 1);
    }
  }

  /** Marks the planned work: from here on the records say that it is in progress. */
  static async mark(request: MarkRequest): Promise<OperationJournal> {
    return new OperationJournal(request, await markPlanned(request));
  }

  async intend(events: readonly PlacedEvent[]): Promise<void> {
    const { lock } = this.#request;
    lock.assertHeld();
    await lock.commitChunked(
      events.map((placed) =>
        this.#entry(placed, { step: 'intent', hostId: null, durationMs: null, error: null }),
      ),
      [],
    );
  }

  async owe(resources: readonly StoredResource[]): Promise<void> {
    const { lock, snapshot, store } = this.#request;
    const keyOf = (resource: StoredResource): string =>
      store.keys.resource(snapshot.databaseId, resource.type, resource.id);
    const revisions = await lock.commitChunked(
      resources.map((resource) =>
        store.resources.write(snapshot.databaseId, resource, this.#expectation(resourceKey(resource))),
      ),
      [],
    );
    for (const resource of resources) {
      const revision = revisions.get(keyOf(resource));
      if (revision !== undefined) this.#revisions.set(resourceKey(resource), revision);
    }
  }

  async record(ended: EndedEvent): Promise<void> {
    const { lock, snapshot, store } = this.#request;
    const { event, outcome, write } = ended;
    const key = resourceKey(event.resource);
    const error = outcome.kind === 'ok' ? null : outcome.error;
    if (error === null) this.#done++;
    else this.#failed++;
    if (outcome.kind === 'unknown') this.#anyUnknown = true;
    const writes: Write[] = [
      this.#entry(ended, { step: outcome.kind, hostId: ended.hostId, durationMs: ended.durationMs, error }),
    ];
    if (write?.kind === 'put') {
      writes.push(store.resources.write(snapshot.databaseId, write.resource, this.#expectation(key)));
    } else if (write?.kind === 'delete') {
      writes.push(store.resources.remove(snapshot.databaseId, event.resource, this.#expectation(key)));
    }
    const instance = this.#instanceAfter(ended);
    if (instance !== null) writes.push(...this.#instanceWrites(ended, instance));
    if (error !== null && this.#instances.has(event.resource.id)) this.#reached.set(event.resource.id, error);
    const seq = this.#seq;
    const revision = await lock.commit(writes).catch((thrown: unknown) => {
      this.#unwritten.push({ seq, writes: writes.filter(isKeptWrite) });
      throw thrown;
    });
    if (write?.kind === 'put') this.#revisions.set(key, revision);
    if (write?.kind === 'delete') this.#revisions.delete(key);
    if (instance !== null) this.#instances.set(instance.instance_id, this.#stored(instance, revision));
  }

  /** Ends an operation whose events all succeeded. Throws where that could not be recorded. */
  async finalize(given: { readonly restated: readonly StoredResource[] }): Promise<TaskRecord> {
    try {
      return await this.#finalize(given);
    } catch (thrown) {
      const { task_id: taskId } = this.#task.value;
      const error = toPgctlError(thrown).withTask(taskId);
      const reason = `everything was done, and its end could not be recorded: ${error.message}`;
      const told = await this.#endOrKeep(error, { outcome: 'failed', reason });
      // The lock goes with the end: where only the answer to that was lost, the task's record tells.
      const there = told.code === 'lock_lost' ? await this.#request.store.tasks.get(taskId) : null;
      if (there?.value.state === 'completed') return there.value;
      throw told;
    }
  }

  async #finalize({ restated }: { readonly restated: readonly StoredResource[] }): Promise<TaskRecord> {
    const { store, lock, intention, snapshot, now } = this.#request;
    const ports = (await store.ports.list()).items;
    const work = {
      now: now().toISOString(),
      database: this.#database,
      task: this.#countedTask(),
      instances: [...this.#instances.values()],
      ports,
    };
    if (intention.database.state === 'deleting') return store.deleteDatabaseRecords(lock, work);
    const { task } = await store.finalize(lock, {
      ...work,
      wanted: new Set(intention.instances.map(({ instance_id }) => instance_id)),
      with: [
        ...restated.map((resource) =>
          store.resources.write(snapshot.databaseId, resource, this.#expectation(resourceKey(resource))),
        ),
        ...this.#leavings(ports),
      ],
    });
    return task;
  }

  /** What nothing needs any more: resources of lost hosts, secrets of users that are gone, ports moved away from. */
  #leavings(ports: readonly Stored<PortReservation>[]): Write[] {
    const { store, snapshot, intention, abandoned } = this.#request;
    const held = new Map(
      intention.instances.map(({ instance_id, port, patroni_port }) => [instance_id, [port, patroni_port]]),
    );
    return [
      ...abandoned.map((resource) =>
        store.resources.remove(snapshot.databaseId, resource, this.#expectation(resourceKey(resource))),
      ),
      ...(intention.obsoleteSecrets ?? []).map((name) => store.secrets.remove(snapshot.databaseId, name)),
      ...ports
        .filter(({ value }) => held.get(value.instance_id)?.includes(value.port) === false)
        .map((port) => store.ports.release(port)),
    ];
  }

  /** Ends an operation some events of which did not succeed, and returns the error that says so. */
  async fail(
    outcome: Extract<RunOutcome, { kind: 'failed' | 'unknown' }>,
    stopped: PgctlError | null,
  ): Promise<PgctlError> {
    const { reason, error } = unsuccessfulEnd(this.#task.value, outcome, stopped);
    return this.#endOrKeep(error, { outcome: endOf(error, outcome.kind), reason });
  }

  /** Says in the task's record that somebody asked it to stop. */
  async canceling(): Promise<void> {
    const { store, lock } = this.#request;
    const next: TaskRecord = { ...this.#task.value, state: 'canceling' };
    const modRevision = await lock.commit([store.tasks.write(next, unchanged(this.#task))]);
    this.#task = { ...this.#task, value: next, modRevision };
  }

  /** Ends an operation that could not go on, and returns the error that says so. */
  async interrupted(error: PgctlError): Promise<PgctlError> {
    const outcome = endOf(error, this.#anyUnknown ? 'unknown' : 'failed');
    return this.#endOrKeep(error.withTask(this.#task.value.task_id), { outcome, reason: error.message });
  }

  /** Writes the end; what etcd does not take of it is kept on this machine, and the error says so. */
  async #endOrKeep(error: PgctlError, end: Omit<Failure, 'reached'>): Promise<PgctlError> {
    const { lock, store, now, spool, report } = this.#request;
    const kept = this.#kept(end);
    try {
      if (kept.results.length === 0) await this.#end(end);
      else await settleKept({ store, lock, now }, kept);
      return error;
    } catch (thrown) {
      const why = toPgctlError(thrown);
      return keepUnended(spool, report, { error, why, kept, anyUnknown: this.#anyUnknown });
    }
  }

  #kept({ outcome, reason }: Omit<Failure, 'reached'>): Omit<KeptTask, 'format'> {
    const { snapshot, storeId, now } = this.#request;
    const { task_id, events } = this.#countedTask().value;
    return {
      store_id: storeId,
      database_id: snapshot.databaseId,
      task_id,
      kept_at: now().toISOString(),
      results: [...this.#unwritten].sort((a, b) => a.seq - b.seq),
      end: { outcome, reason, reached: Object.fromEntries(this.#reached), events },
    };
  }

  async #end({ outcome, reason }: Omit<Failure, 'reached'>): Promise<void> {
    const { store, lock, now } = this.#request;
    await store.fail(lock, {
      now: now().toISOString(),
      database: this.#database,
      task: this.#countedTask(),
      instances: [...this.#instances.values()],
      marked: this.#marked,
      failure: { outcome, reason, reached: this.#reached },
    });
  }

  #countedTask(): Stored<TaskRecord> {
    const { total } = this.#task.value.events;
    const events = {
      total,
      done: this.#done,
      failed: this.#failed,
      not_reached: total - this.#done - this.#failed,
    };
    this.#task = { ...this.#task, value: { ...this.#task.value, events } };
    return this.#task;
  }

  #expectation(key: ResourceKey): Expect {
    const modRevision = this.#revisions.get(key);
    return modRevision === undefined ? 'absent' : { modRevision };
  }

  /** The instance's record after its event; null where the event leaves it as it is. Deletes leave it `deleting`. */
  #instanceAfter({ event, outcome, observation }: EndedEvent): InstanceRecord | null {
    if (event.resource.type !== INSTANCE_TYPE) return null;
    const { id } = event.resource;
    const left = (this.#pending.get(id) ?? 1) - 1;
    this.#pending.set(id, left);
    const record = this.#instances.get(id)?.value;
    if (record === undefined || event.type === 'delete') return null;
    const now = this.#request.now().toISOString();
    if (outcome.kind !== 'ok') return failedInstance(record, outcome.error, now);
    if (left > 0) return null;
    const version = observation?.serverVersion ?? record.postgres_version;
    return succeededInstance(record, { postgres_version: version }, now);
  }

  #instanceWrites({ observation }: EndedEvent, instance: InstanceRecord): Write[] {
    const { store } = this.#request;
    const { instance_id } = instance;
    const write = store.instances.write(instance, unchanged(this.#instances.get(instance_id)));
    if (observation === null) return [write];
    const status = {
      instance_id,
      server_version: observation.serverVersion,
      pending_restart: false,
      pending_restart_reason: null,
      started_at: null,
      observed_at: this.#request.now().toISOString(),
    };
    return [write, store.instances.writeStatus(status, 'any')];
  }

  #stored(record: InstanceRecord, modRevision: string): Stored<InstanceRecord> {
    const key = this.#request.store.keys.instance(record.instance_id);
    return { key, value: record, modRevision };
  }

  #entry(
    placed: PlacedEvent,
    said: Pick<TaskEventRecord, 'step' | 'error'> & {
      readonly hostId: string | null;
      readonly durationMs: number | null;
    },
  ): Write {
    const { event, plan, phase } = placed;
    const { executor } = event.resource;
    return this.#request.store.tasks.writeEvent(this.#task.value.task_id, {
      seq: ++this.#seq,
      at: this.#request.now().toISOString(),
      plan,
      phase,
      type: event.type,
      resource: resourceKey(event.resource),
      host_id: said.hostId ?? (executor.kind === 'host' ? executor.host : null),
      step: said.step,
      input_hash: inputHash(placed),
      duration_ms: said.durationMs,
      error: said.error,
    });
  }
}

function isKeptWrite(write: Write): write is KeptWrite {
  return write.kind === 'put' || write.kind === 'delete';
}
