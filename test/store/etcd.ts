import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A real etcd of one member on ports of its own, with a data directory of its own. */
export interface Etcd {
  readonly endpoint: string;
  readonly port: number;
  /** Stops the process as SIGSTOP does: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it at once, and starts it again on its data. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const START_LIMIT_MS = 20_000;

export interface EtcdOptions {
  /** Further arguments, such as those for TLS. */
  readonly args?: readonly string[];
  readonly scheme?: 'http' | 'https';
  /** Tells whether it answers; the default asks its health page over plain HTTP. */
  readonly ready?: (endpoint: string) => Promise<boolean>;
}

export async function startEtcd(options: EtcdOptions = {}): Promise<Etcd> {
  const scheme = options.scheme ?? 'http';
  const directory = await mkdtemp(join(tmpdir(), 'pgctl-etcd-'));
  const [client, peer] = await freePorts();
  const endpoint = `${scheme}://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const said: string[] = [];
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(
      'etcd',
      [
        ['--name', 'test'],
        ['--data-dir', join(directory, 'data')],
        ['--listen-client-urls', endpoint],
        ['--advertise-client-urls', endpoint],
        ['--listen-peer-urls', peerUrl],
        ['--initial-advertise-peer-urls', peerUrl],
        ['--initial-cluster', `test=${peerUrl}`],
        ['--log-level', 'error'],
        options.args ?? [],
      ].flat(),
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { PATH: process.env['PATH'], ETCD_UNSUPPORTED_ARCH: process.arch },
      },
    );
    child.stderr?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
    await untilReady(child, () => (options.ready ?? answers)(endpoint), said);
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  await start();
  return {
    endpoint,
    port: client,
    pause: () => {
      child.kill('SIGSTOP');
    },
    resume: () => {
      child.kill('SIGCONT');
    },
    kill,
    start,
    stop: async () => {
      process.off('exit', end);
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function untilReady(
  child: ChildProcess,
  ready: () => Promise<boolean>,
  said: readonly string[],
): Promise<void> {
  const failure = once(child, 'error').then(([error]) => error as Error);
  const end = performance.now() + START_LIMIT_MS;
  while (performance.now() < end) {
    if (child.exitCode !== null) break;
    const state = await Promise.race([failure, ready()]);
    if (state instanceof Error) throw state;
    if (state) return;
    await delay(25);
  }
  child.kill('SIGKILL');
  throw new Error(`etcd did not start: ${said.join('')}`);
}

async function answers(endpoint: string): Promise<boolean> {
  const response = await fetch(`${endpoint}/health`).catch(() => null);
  return response?.ok === true && (await response.text()).includes('true');
}

/** Two ports that nobody listens on. */
export async function freePorts(): Promise<readonly [number, number]> {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    }),
  );
  await Promise.all(servers.map(async (server) => once(server.close(), 'close')));
  return [ports[0] ?? 0, ports[1] ?? 0];
}
