import {
  castGrpcError,
  ClientClosedError,
  type Etcd3,
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
import type { CallOptions } from './channel.ts';
import { KvError, type KvFailure, type Refusal } from './kv-error.ts';

// All of etcd3 that is loaded, and the one file that throws what it throws: the gRPC client takes longer to load than
// etcd to answer, so `Kv` loads this file with its first call and not before.
export { openChannel, withToken } from './channel.ts';
export { openWatch } from './watch-stream.ts';

type ErrorClass = abstract new (...args: never[]) => Error;

/** By class, never by message. A class that is missing here is not retried. */
const FAILURES: readonly (readonly [ErrorClass, Exclude<KvFailure, 'other'>, Refusal?])[] = [
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
  [EtcdPermissionDeniedError, 'refused', 'permission'],
  [EtcdAuthenticationFailedError, 'refused', 'login'],
  [GRPCInvalidArgumentError, 'invalid'],
  [GRPCFailedPreconditionError, 'refused'],
  // What answers there is not etcd.
  [GRPCNotImplementedError, 'refused'],
  [GRPCResourceExhastedError, 'refused', 'room'],
  [ClientClosedError, 'closed'],
];

/** What etcd3 threw, as the rest of pgctl knows it; what is not etcd's stays as it is. */
export function translated(error: unknown): unknown {
  const known = FAILURES.find(([errorClass]) => error instanceof errorClass);
  if (known === undefined || !(error instanceof Error)) return error;
  const [, failure, refusal = null] = known;
  return new KvError(failure, refusal, error);
}

/**
 * Renews a lease: seconds it has now. etcd3's lease object hides what is needed here, so its stream is used
 * directly: one request, one answer.
 */
export async function keepAlive(channel: Etcd3, id: string, options: CallOptions): Promise<number> {
  const stream = await channel.leaseClient.leaseKeepAlive(options);
  try {
    return await new Promise<number>((resolve, reject) => {
      stream.on('data', (answer) => {
        resolve(Math.max(0, Number(answer.TTL)));
      });
      stream.on('error', (error) => {
        reject(castGrpcError(error));
      });
      stream.on('end', () => {
        reject(castGrpcError(Object.assign(new Error('the stream ended'), { code: 14 })));
      });
      stream.write({ ID: id });
    });
  } finally {
    stream.cancel();
  }
}
