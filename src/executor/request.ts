import type { PlanDocument } from '../plan/summary.ts';
import type { RunOrigin } from '../records/types.ts';
import type { EtcdTls } from '../resources/etcd-tls.ts';
import type { Store } from '../store/store.ts';
import type { Transport } from '../transport/transport.ts';
import type { Reporter } from '../ui/events.ts';
import type { Intention, View } from './intention.ts';
import type { Spool } from './spool.ts';

/** What somebody wants done to one database. */
export interface OperationRequest {
  /** Such as `create`. */
  readonly operation: string;
  readonly databaseId: string;
  /** The command line without secrets, for the lock's holder. */
  readonly command: string;
  /** Says what is wanted. Throws where it cannot be; reads at most, and changes nothing. */
  readonly decide: (view: View, tools: OperationTools) => Promise<Intention> | Intention;
  /** Looks at the plan before anything is marked. Throws where it is not to be carried out. */
  readonly approve?: (plan: PlanDocument) => void;
}

/** Everything an operation works with. */
export interface OperationTools {
  readonly store: Store;
  readonly transport: Transport;
  /** etcd as pgctl reaches it; hosts use it unless they were given others. */
  readonly endpoints: readonly string[];
  /** What hosts reach an etcd over TLS with. */
  readonly hostTls: EtcdTls;
  readonly report: Reporter;
  readonly now: () => Date;
  readonly who: string;
  readonly origin: RunOrigin;
  readonly lockWaitMs: number;
  /** Of one event on a host. */
  readonly limitMs: number | null;
  /** Where results are kept that etcd does not take. */
  readonly spool: Spool;
  /** Ends what only reads. */
  readonly signal?: AbortSignal;
  /** Whether to ask hosts which ports are in use before one is chosen, also where that is rare. */
  readonly portsInDoubt?: boolean;
}
