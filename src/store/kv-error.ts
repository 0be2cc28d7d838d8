import {
  ClientClosedError,
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdLeaseInvalidError,
  EtcdPermissionDeniedError,
  EtcdRoleExistsError,
  EtcdRoleNotFoundError,
  EtcdUserExistsError,
  EtcdUserNotFoundError,
  GRPCCancelledError,
  GRPCDeadlineExceededError,
  GRPCFailedPreconditionError,
  GRPCInternalError,
  GRPCInvalidArgumentError,
  GRPCNotImplementedError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
  GRPCUnavailableError,
  GRPCUnknownError,
} from 'etcd3';
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
  /** Not an error of etcd's. */
  | 'other';

type ErrorClass = abstract new (...args: never[]) => Error;

/** By class, never by message. A class that is missing here is not retried. */
const FAILURES: readonly (readonly [ErrorClass, KvFailure])[] = [
  [GRPCUnavailableError, 'unavailable'],
  [GRPCDeadlineExceededError, 'unavailable'],
  [GRPCCancelledError, 'unavailable'],
  // A connection that breaks in the middle of a call is reported as either of these two.
  [GRPCInternalError, 'unavailable'],
  [GRPCUnknownError, 'unavailable'],
  [EtcdInvalidAuthTokenError, 'token'],
  [GRPCUnauthenticatedError, 'token'],
  [EtcdLeaseInvalidError, 'no_lease'],
  [EtcdUserExistsError, 'present'],
  [EtcdRoleExistsError, 'present'],
  [EtcdUserNotFoundError, 'absent'],
  [EtcdRoleNotFoundError, 'absent'],
  [GRPCOutOfRangeError, 'compacted'],
  [EtcdPermissionDeniedError, 'refused'],
  [EtcdAuthenticationFailedError, 'refused'],
  [GRPCInvalidArgumentError, 'invalid'],
  [GRPCFailedPreconditionError, 'refused'],
  // What answers there is not etcd.
  [GRPCNotImplementedError, 'refused'],
  [GRPCResourceExhastedError, 'refused'],
];

export function kvFailure(error: unknown): KvFailure {
  return FAILURES.find(([errorClass]) => error instanceof errorClass)?.[1] ?? 'other';
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

const REFUSALS: readonly (readonly [ErrorClass, { readonly what: string; readonly hint: string }])[] = [
  [
    EtcdPermissionDeniedError,
    {
      what: 'etcd does not permit this',
      hint: 'The etcd user needs read and write permission on everything under the prefix; see --etcd-user.',
    },
  ],
  [
    EtcdAuthenticationFailedError,
    {
      what: 'etcd does not accept the user or its password',
      hint: 'See --etcd-user and --etcd-password-file.',
    },
  ],
  [
    GRPCResourceExhastedError,
    {
      what: 'etcd has no room',
      hint: 'Compact and defragment it, raise its quota, then clear the alarm: `etcdctl alarm disarm`.',
    },
  ],
];

/** A call that etcd, or its client, answered with an error. */
export function refused(endpoints: readonly string[], error: unknown): unknown {
  if (error instanceof PgctlError) return error;
  if (error instanceof ClientClosedError) {
    return new PgctlError('internal', 'the store was used after it was closed', { cause: error });
  }
  if (kvFailure(error) === 'other' || !(error instanceof Error)) return error;
  const refusal = REFUSALS.find(([errorClass]) => error instanceof errorClass)?.[1];
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
