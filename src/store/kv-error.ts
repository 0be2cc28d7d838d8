import { PgctlError } from '../errors.ts';

/** What a failed call to etcd means for whoever made it. */
export type KvFailure =
  /** No answer, or none that says anything: the call may or may not have been carried out. */
  | 'unavailable'
  /** The token is not known (any more): authenticate again. */
  | 'token'
  /** The request may be at fault, or a token from before a change of etcd's users. */
  | 'invalid'
  /** The lease is gone. */
  | 'no_lease'
  /** A user or role of that name is there already. */
  | 'present'
  /** There is no user or role of that name. */
  | 'absent'
  /** The revision asked for was compacted away. */
  | 'compacted'
  /** etcd understood and said no; nothing was carried out. */
  | 'refused'
  /** The client was closed before the call was over. */
  | 'closed'
  /** Not an error of etcd's. */
  | 'other';

/** Refusals that somebody can do something about. */
const REFUSALS = {
  permission: {
    what: 'etcd does not permit this',
    hint: 'The etcd user needs read and write permission on everything under the prefix; see --etcd-user.',
  },
  login: {
    what: 'etcd does not accept the user or its password',
    hint: 'See --etcd-user and --etcd-password-file.',
  },
  room: {
    what: 'etcd has no room',
    hint: 'Compact and defragment it, raise its quota, then clear the alarm: `etcdctl alarm disarm`.',
  },
} as const satisfies Record<string, { readonly what: string; readonly hint: string }>;

export type Refusal = keyof typeof REFUSALS;

/** What a call to etcd failed with. It stands where the client's own error did, so that nobody has to know the client. */
export class KvError extends Error {
  readonly failure: KvFailure;
  readonly refusal: Refusal | null;

  constructor(failure: Exclude<KvFailure, 'other'>, refusal: Refusal | null, own: Error) {
    super(own.message);
    this.name = 'KvError';
    if (own.stack !== undefined) this.stack = own.stack;
    this.failure = failure;
    this.refusal = refusal;
  }
}

export function kvFailure(error: unknown): KvFailure {
  return error instanceof KvError ? error.failure : 'other';
}

/** A call that etcd never answered within its time. */
export function unreachable(
  endpoints: readonly string[],
  cause: unknown,
  outcomeUnknown: boolean,
): PgctlError {
  const places = endpoints.join(', ');
  return new PgctlError(
    'etcd_unreachable',
    outcomeUnknown
      ? `etcd stopped answering at ${places}; whether the last write was carried out is not known`
      : `etcd does not answer at ${places}`,
    {
      hint: 'Check that etcd runs, has a quorum and can be reached from here, and that --endpoints and the TLS options are right.',
      ...(cause instanceof Error ? { details: [messageOf(cause)], cause } : {}),
    },
  );
}

/** A call that etcd, or its client, answered with an error. */
export function refused(endpoints: readonly string[], error: unknown): unknown {
  if (!(error instanceof KvError)) return error;
  if (error.failure === 'closed') {
    return new PgctlError('internal', 'the store was used after it was closed', { cause: error });
  }
  const refusal = error.refusal === null ? null : REFUSALS[error.refusal];
  return new PgctlError('etcd_refused', `${refusal?.what ?? 'etcd refuses'}: ${messageOf(error)}`, {
    hint:
      refusal?.hint ?? 'Does this etcd want a user and password? See --etcd-user and --etcd-password-file.',
    details: [`at ${endpoints.join(', ')}`],
    cause: error,
  });
}

/** etcd3 puts its class name and gRPC's status before etcd's own words, and gRPC an empty note after its own. */
function messageOf(error: Error): string {
  return error.message
    .replace(/^(?:\w+Error: )?(?:\d+ [A-Z_]+: )?/, '')
    .replace(/^etcdserver: /, '')
    .replace(/\.? Resolution note: *$/, '');
}
