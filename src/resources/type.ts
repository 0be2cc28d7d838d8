import type { JsonObject } from '../json.ts';
import type { Cost, EventType, PlanEvent } from '../plan/plan.ts';
import type { Executor, Resource, ResourceKey, StoredResource } from '../plan/resource.ts';
import type { Secret } from '../secret.ts';
import type { SqlConnection, Step, StepOutput } from '../steps/step.ts';

/** What a refresh says of a resource; that its host does not answer is for the executor to say. */
export type Found =
  | { readonly kind: 'found' }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'failed'; readonly error: string };

/** What an instance's create or update saw, for its record and its status. */
export interface InstanceObservation {
  readonly serverVersion: string;
}

/** What a lifecycle method may know beyond the resource itself. */
export interface LifecycleContext {
  /** A secret of the database by its name; throws when there is none. */
  secret(name: string): Secret;
  /** Postgres on the host that the steps will run on, for resources that live inside Postgres; throws for others. */
  server(): SqlConnection;
  /** The instance on that host, for the same resources. */
  instance(): Resource;
  /** Whether the whole node that an instance's resource is of is deleted by the same operation. */
  nodeLeaves(): boolean;
  /** Whether the resource's node begins in this run: its keys in etcd and all of its instances are made by it. */
  nodeBegins(): boolean;
}

/** What an event that is to be marked is checked for. */
export interface CheckQuestion {
  /** The resource as the last operation left it, for an update or for what is made again; null for what is new. */
  readonly previous: StoredResource | null;
  /** Of the data that is to be copied to it from elsewhere; null for none. */
  readonly copyBytes: number | null;
}

/** Something that stands in the way on a host, found before anything is marked. */
export interface CheckFinding {
  readonly message: string;
}

/**
 * A kind of resource. Its methods are pure: they return steps, and readers of what the steps printed. All of
 * them can be repeated: a create that finds its own half-made work finishes it, a delete of what is gone is
 * done.
 */
export interface ResourceType {
  readonly type: string;
  /** Of the format of its attributes. */
  readonly version: number;
  /** What it does, as a verb for each event: `start` / `reload` / `stop`. */
  readonly verbs: { readonly create: string; readonly update: string; readonly delete: string };
  /** What an event does, where the verb of its type says too little: `restart` of an update. */
  action?(event: PlanEvent): string | null;
  /** What an event costs; null for nothing. */
  cost?(event: PlanEvent): Cost | null;
  /**
   * Whether an event does nothing anywhere: it needs no host, nor a primary to be there. Its steps are not
   * asked for.
   */
  inert?(type: EventType, resource: Resource): boolean;
  /**
   * Events that are done as soon as they are begun, as the writing of a file is: several of them share a job on their
   * host. Nothing that may wait for something, as SQL does for locks, or that takes longer the more there is of it.
   * Absent: none.
   */
  readonly brief?: readonly EventType[];
  /** Looks whether it is there. Only reads. Null: it is there as long as its record is. */
  refresh(resource: Resource, context: LifecycleContext): Inspection<Found> | null;
  create(resource: Resource, context: LifecycleContext): readonly Step[];
  update(resource: Resource, previous: Resource, context: LifecycleContext): readonly Step[];
  delete(resource: Resource, context: LifecycleContext): readonly Step[];
  /** What must hold on the host before a create or update is marked. Only reads. Null: nothing. */
  check?(
    resource: Resource,
    question: CheckQuestion,
    context: Pick<LifecycleContext, 'secret'>,
  ): Inspection<readonly CheckFinding[]> | null;
  /** For the type that stands for an instance: what its create or update saw. */
  observe?(outputs: readonly StepOutput[]): InstanceObservation | null;
}

/** Steps that only read, with the pure reader of what they print. */
export interface Inspection<T> {
  readonly steps: readonly Step[];
  read(outputs: readonly StepOutput[]): T;
}

/** The attributes of a resource as its type's builder wrote them; the builder and the reader share one type. */
export function attributesOf<A extends object>(resource: Resource): A {
  return resource.attributes as unknown as A;
}

/** A resource from what differs between types; the rest has its default. */
export function buildResource(
  type: Pick<ResourceType, 'type' | 'version'>,
  given: {
    readonly id: string;
    readonly executor: Executor;
    readonly attributes: object;
    readonly dependencies?: readonly ResourceKey[];
    readonly after?: readonly ResourceKey[];
    readonly contained_in?: ResourceKey;
  },
): Resource {
  return {
    type: type.type,
    id: given.id,
    executor: given.executor,
    attributes: given.attributes as JsonObject,
    dependencies: given.dependencies ?? [],
    after: given.after ?? [],
    type_dependencies: [],
    diff_ignore: [],
    version: type.version,
    contained_in: given.contained_in ?? null,
  };
}
