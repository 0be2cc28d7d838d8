import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between a client and etcd, and can lose what etcd says. */
export interface LossyProxy {
  readonly endpoint: string;
  /**
   * The next request on any connection reaches etcd, its reply is swallowed, and then the connection breaks.
   * Resolves when that has happened.
   */
  dropNextReply(): Promise<void>;
  /** From now on the same happens to every n-th request; 0 for none. */
  dropEvery(n: number): void;
  /** How often it happened. */
  readonly dropped: number;
  /** From now on nothing gets through either way, and connections stay open. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

/** @param carriedOutMs how long a request may take to be carried out by etcd before its connection breaks */
export async function lossyProxy(
  etcdPort: number,
  { carriedOutMs = 150 }: { readonly carriedOutMs?: number } = {},
): Promise<LossyProxy> {
  const sockets = new Set<Socket>();
  let armed: (() => void) | null = null;
  let [every, requests, dropped] = [0, 0, 0];
  let frozen = false;
  const held: (() => void)[] = [];
  const pass = (to: Socket, chunk: Buffer): void => {
    if (frozen) held.push(() => to.write(chunk));
    else to.write(chunk);
  };
  const server = createServer((client) => {
    const etcd = connect(etcdPort, '127.0.0.1');
    let doomed = false;
    for (const [socket, other] of [
      [client, etcd],
      [etcd, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (chunk) => {
      // A request is longer than the acknowledgements and pings that HTTP/2 sends beside it.
      const isTurn = chunk.length > 60 && every > 0 && ++requests % every === 0;
      if ((armed !== null && chunk.length > 60) || isTurn) {
        const done = armed;
        armed = null;
        doomed = true;
        setTimeout(() => {
          client.destroy();
          etcd.destroy();
          dropped++;
          done?.();
        }, carriedOutMs);
      }
      pass(etcd, chunk);
    });
    etcd.on('data', (chunk) => {
      if (!doomed) pass(client, chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    dropNextReply: () =>
      new Promise((resolve) => {
        armed = resolve;
      }),
    dropEvery: (n) => {
      every = n;
    },
    get dropped() {
      return dropped;
    },
    freeze: () => {
      frozen = true;
    },
    thaw: () => {
      frozen = false;
      for (const write of held.splice(0)) write();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}
