import type { JsonObject } from '../json.ts';
import type { Resource } from '../plan/resource.ts';
import type { InstanceDraft } from '../records/planned.ts';
import type { DatabaseState } from '../records/states.ts';
import type { HostRecord } from '../records/types.ts';
import type { Secret } from '../secret.ts';
import type { PortReservation } from '../store/ports.ts';
import type { DatabaseSnapshot } from '../store/store.ts';

/** What is there when an operation decides what to do. */
export interface View {
  readonly snapshot: DatabaseSnapshot;
  readonly hosts: ReadonlyMap<string, HostRecord>;
  /** The database's secrets, opened. */
  readonly secrets: ReadonlyMap<string, Secret>;
}

/** What an operation wants: the states to lead the database through, and what its records are to say. */
export interface Intention {
  /** See PlanRequest.desired. */
  readonly desired: readonly (readonly Resource[])[];
  readonly database: {
    /** While the operation runs. */
    readonly state: Extract<DatabaseState, 'creating' | 'modifying' | 'deleting'>;
    readonly spec: JsonObject;
    readonly uid: string;
  };
  /** Records of instances as they are wanted; those without one get it when they are marked. */
  readonly instances: readonly InstanceDraft[];
  /** Ports to reserve that are not yet. */
  readonly ports: readonly PortReservation[];
  /** Ports were chosen without asking the hosts what is in use; where their checks find one that is, they are asked. */
  readonly portsAssumed?: boolean;
  /** Names of secrets that are of no use once the operation has succeeded. */
  readonly obsoleteSecrets?: readonly string[];
  /** Hosts that are lost for good: what is on them leaves the state, and nothing is done there. */
  readonly lostHosts?: ReadonlySet<string>;
  /** Update also what does not differ. */
  readonly force?: boolean;
  /** Secrets to store that are not there yet, or differ. */
  readonly secrets: ReadonlyMap<string, Secret>;
}
