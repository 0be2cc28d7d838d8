import { Etcd3, type IOptions, type KVClient } from 'etcd3';
import { rootCertificates } from 'node:tls';
import type { Secret } from '../secret.ts';

/** What a single call is given: its deadline and, where there is one, the token. */
export type CallOptions = NonNullable<Parameters<KVClient['range']>[1]>;
type Interceptor = NonNullable<CallOptions['interceptors']>[number];
type FaultPolicy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

/** File contents, not paths. */
export interface TlsOptions {
  readonly ca: Buffer | null;
  readonly cert: Buffer | null;
  readonly key: Buffer | null;
}

export interface EtcdUser {
  readonly user: string;
  readonly password: Secret;
}

/** Reads of a page of large records must fit; gRPC's own limit is 4 MiB. */
const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;

/**
 * etcd3 wraps each call in retries and a circuit breaker of its own. Its retries also repeat writes without
 * telling, and the breaker fails every call for five seconds after three errors of any one; `Kv` does both
 * jobs itself, knowing which calls may be repeated.
 */
const DIRECT = {
  execute: async (run: (context: { signal: AbortSignal }) => unknown) =>
    run({ signal: new AbortController().signal }),
} as unknown as FaultPolicy;

/**
 * A client for one endpoint. Each endpoint has its own, so that which one is used next is decided in one place.
 */
export function openChannel(endpoint: string, tls: TlsOptions | null): Etcd3 {
  const secure = endpoint.startsWith('https:');
  return new Etcd3({
    hosts: endpoint,
    faultHandling: { global: DIRECT, host: () => DIRECT },
    grpcOptions: {
      // `http_proxy` in the environment is for the web; etcd's certificates and passwords do not go through it.
      'grpc.enable_http_proxy': 0,
      'grpc.max_receive_message_length': MAX_RESPONSE_BYTES,
      'grpc.max_send_message_length': -1,
      // A failed connection is otherwise not tried again for a second, then two, up to two minutes.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
      'grpc.use_local_subchannel_pool': 1,
    },
    ...(secure
      ? {
          credentials: {
            rootCertificate: tls?.ca ?? Buffer.from(rootCertificates.join('\n')),
            ...(tls?.cert ? { certChain: tls.cert } : {}),
            ...(tls?.key ? { privateKey: tls.key } : {}),
          },
        }
      : {}),
  });
}

/** gRPC's status of a token that is not, or no longer, known. */
const UNAUTHENTICATED = 16;

/**
 * Puts the token on a call. etcd3's own `auth` option is not used: the connection it authenticates over is
 * made without the channel options above (so through a proxy), without a deadline, and is never closed.
 */
export function withToken(token: string): Interceptor {
  return (options, next) => {
    const call = next(options);
    const start = call.start.bind(call);
    call.start = (metadata, listener) => {
      metadata.set('token', token);
      start(metadata, {
        ...listener,
        onReceiveStatus: (status) => {
          // etcd3 knows an expired token by etcd's words, and then repeats the call with the same token until
          // its deadline. In other words it stays with the status, and `Kv` gets a new token.
          const own =
            Number(status.code) === UNAUTHENTICATED
              ? { ...status, details: 'the token is not valid' }
              : status;
          listener?.onReceiveStatus?.(own);
        },
      });
    };
    // gRPC only calls the interface's methods; the class that its types ask for cannot be had without it.
    return call as ReturnType<Interceptor>;
  };
}
