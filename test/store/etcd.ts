import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { machinePort } from '../lab/ports.ts';

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
  /** Its process, as long as it runs. */
  readonly pid: number;
  etcdctl(...args: readonly string[]): Promise<string>;
  /** Saves what it holds. Returns how to put it back to that: it ends, and starts from the snapshot. */
  snapshot(): Promise<() => Promise<void>>;
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
  const [client, peer] = [await machinePort(), await machinePort()];
  const endpoint = `${scheme}://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const said: string[] = [];
  const cluster = ['--name', 'test', '--initial-cluster', `test=${peerUrl}`];
  cluster.push('--initial-advertise-peer-urls', peerUrl);
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(
      'etcd',
      [
        cluster,
        ['--data-dir', join(directory, 'data')],
        ['--listen-client-urls', endpoint],
        ['--advertise-client-urls', endpoint],
        ['--listen-peer-urls', peerUrl],
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
  const etcdctl = async (...args: readonly string[]): Promise<string> => {
    const env = { PATH: process.env['PATH'], ETCDCTL_API: '3' };
    return (await promisify(execFile)('etcdctl', [`--endpoints=${endpoint}`, ...args], { env })).stdout;
  };
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  await start();
  return {
    endpoint,
    port: client,
    pause: () => {
      child.kill('SIGSTOP');
      // Where the machine is busy it goes on for a moment, and would answer what is asked right after this.
      const end = performance.now() + 1000;
      while (performance.now() < end && !isStopped(child.pid ?? 0));
    },
    resume: () => {
      child.kill('SIGCONT');
    },
    kill,
    start,
    get pid() {
      return child.pid ?? 0;
    },
    etcdctl,
    async snapshot() {
      const file = join(directory, `snapshot-${Date.now()}`);
      await etcdctl('snapshot', 'save', file);
      return async () => {
        await kill();
        await rm(join(directory, 'data'), { recursive: true });
        await etcdctl('snapshot', 'restore', file, '--data-dir', join(directory, 'data'), ...cluster);
        await start();
      };
    },
    stop: async () => {
      process.off('exit', end);
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function isStopped(pid: number): boolean {
  // "pid (name) state …"
  return / T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1').split(')').at(-1) ?? '');
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
