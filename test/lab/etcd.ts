import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { command, ENVIRONMENT, until } from './command.ts';
import { makeScratch, removeScratch, sweepScratch } from './owner.ts';
import { machinePort } from './ports.ts';

/** One process of an etcd. */
export interface LabEtcdMember {
  /** http://address:port */
  readonly endpoint: string;
  kill(): Promise<void>;
  /** Starts it again with its data; resolves when it is of use, or, without a quorum, when it answers. */
  start(): Promise<void>;
  /** Stops the process where it is: connections open and then hang. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/** An etcd of its own, empty at first. */
export interface LabEtcd {
  readonly endpoints: readonly string[];
  readonly members: readonly LabEtcdMember[];
  /** Saves what an etcd of one member holds. Returns how to put it back to that: it ends, and starts from the snapshot. */
  snapshot(): Promise<() => Promise<void>>;
  /** Which of the members the others follow. */
  leader(): Promise<LabEtcdMember>;
  /** All keys that begin with a prefix, or all there are, with their values as text. */
  dump(prefix?: string): Promise<Map<string, string>>;
  /** The revision that each key was last written at. */
  revisions(prefix?: string): Promise<Map<string, number>>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

export interface EtcdOptions {
  readonly members?: 1 | 3;
  /** To listen on; 127.0.0.1 unless said otherwise. */
  readonly address?: string;
}

const READY_MS = 30_000;
const TOKEN = 'pgctl-lab';

/** Starts an etcd with free ports and a fresh data directory. It ends with this process at the latest. */
export async function startEtcd({
  members: count = 1,
  address = '127.0.0.1',
}: EtcdOptions = {}): Promise<LabEtcd> {
  await sweepScratch();
  const directory = await makeScratch();
  const place = async (): Promise<string> => `http://${address}:${await machinePort()}`;
  const names = await Promise.all(
    Array.from({ length: count }, async (_, index) => ({
      name: `etcd-${index + 1}`,
      client: await place(),
      peer: await place(),
    })),
  );
  const cluster = names.map(({ name, peer }) => `${name}=${peer}`).join(',');
  const places = names.map((name) => ({ ...name, data: join(directory, name.name) }));
  const processes = places.map((place) => processOf({ ...place, cluster }));
  const hasQuorum = (): boolean => processes.filter((member) => member.runs()).length > count / 2;
  const endpoints = names.map(({ client }) => client);

  const members = processes.map((member) => ({
    endpoint: member.endpoint,
    kill: member.kill,
    pause: member.pause,
    resume: member.resume,
    async start() {
      await member.spawn();
      await member.ready(hasQuorum() ? '/health' : '/version');
    },
  }));
  const etcd: LabEtcd = {
    endpoints,
    members,
    async snapshot() {
      const [{ name, data, peer } = { name: '', data: '', peer: '' }] = places;
      const [member] = members;
      const file = `${data}.snapshot`;
      await command('etcdctl', [`--endpoints=${endpoints.join(',')}`, 'snapshot', 'save', file]);
      const place = [
        `--name=${name}`,
        `--initial-cluster=${cluster}`,
        `--initial-advertise-peer-urls=${peer}`,
      ];
      return async () => {
        await member?.kill();
        await rm(data, { recursive: true });
        await command('etcdctl', [
          ...['snapshot', 'restore', file, `--data-dir=${data}`, `--initial-cluster-token=${TOKEN}`],
          ...place,
        ]);
        await member?.start();
      };
    },
    async leader() {
      for (const member of members) {
        const url = `${member.endpoint}/v3/maintenance/status`;
        const response = await fetch(url, {
          method: 'POST',
          body: '{}',
          signal: AbortSignal.timeout(ANSWER_MS),
        });
        const { header, leader } = (await response.json()) as FoundStatus;
        if (header.member_id === leader) return member;
      }
      throw new Error('lab: etcd has no leader');
    },
    async dump(prefix = '') {
      const found = await read(endpoints, prefix);
      return new Map(found.map(({ key, value }) => [text(key), text(value ?? '')]));
    },
    async revisions(prefix = '') {
      const found = await read(endpoints, prefix);
      return new Map(found.map(({ key, mod_revision: revision }) => [text(key), Number(revision)]));
    },
    async stop() {
      await Promise.all(processes.map((member) => member.kill()));
      await removeScratch(directory);
    },
  };
  try {
    await Promise.all(processes.map((member) => member.spawn()));
    await Promise.all(processes.map((member) => member.ready('/health')));
  } catch (error) {
    await etcd.stop();
    throw error;
  }
  return etcd;
}

interface Identity {
  readonly name: string;
  readonly client: string;
  readonly peer: string;
  readonly cluster: string;
  readonly data: string;
}

function processOf({ name, client, peer, cluster, data }: Identity) {
  const args = [
    `--name=${name}`,
    `--data-dir=${data}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${cluster}`,
    `--initial-cluster-token=${TOKEN}`,
    '--logger=zap',
    '--log-level=warn',
  ];
  const launch = () =>
    // It ends with this process, whatever that ends of. etcd refuses some processors unless told their name.
    execa('setpriv', ['--pdeathsig', 'KILL', 'etcd', ...args], {
      env: { ...ENVIRONMENT, ETCD_UNSUPPORTED_ARCH: process.arch },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: { file: `${data}.log` },
      reject: false,
      detached: true,
    });
  let child: ReturnType<typeof launch> | undefined;
  let paused = false;

  return {
    endpoint: client,
    runs: (): boolean => child !== undefined && !paused,
    async spawn(): Promise<void> {
      if (child !== undefined) throw new Error(`lab: ${name} runs already`);
      child = launch();
      const mine = child;
      void mine.then(() => {
        if (child === mine) child = undefined;
      });
    },
    async ready(path: string): Promise<void> {
      await until(`answer of ${name} (its log: ${data}.log)`, READY_MS, async () => {
        if (child === undefined)
          throw new Error(`lab: ${name} ended; is etcd-server installed (test/lab/install)?`);
        return isUp(`${client}${path}`);
      });
    },
    async kill(): Promise<void> {
      const mine = child;
      mine?.kill('SIGKILL');
      await mine;
      paused = false;
    },
    async pause(): Promise<void> {
      child?.kill('SIGSTOP');
      paused = true;
      // The signal is taken when the process is next run, not when it is sent.
      await until(`end of ${name}'s running`, READY_MS, async () =>
        child?.pid === undefined || (await stateOf(child.pid)) === 'T' ? true : undefined,
      );
    },
    async resume(): Promise<void> {
      child?.kill('SIGCONT');
      paused = false;
    },
  };
}

/** A letter, as in /proc/<pid>/stat: `T` is stopped. */
async function stateOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
}

async function isUp(url: string): Promise<true | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.text();
    return response.ok ? true : undefined;
  } catch {
    return undefined;
  }
}

/** What a member says of itself, and which it follows. */
interface FoundStatus {
  readonly header: { readonly member_id: string };
  readonly leader: string;
}

const text = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

interface FoundKey {
  readonly key: string;
  readonly value?: string;
  /** A number of 64 bits, so it comes as a text. */
  readonly mod_revision: string;
}

/** How long a member may take to answer, in milliseconds, before the next one is asked. */
const ANSWER_MS = 5_000;

/** Over HTTP: tests ask so often that an etcdctl for each would be felt. */
async function read(endpoints: readonly string[], prefix: string): Promise<readonly FoundKey[]> {
  // What comes after every key that begins with the prefix; a zero stands for the end of all keys.
  const end = Buffer.from(prefix === '' ? '\0' : prefix, 'utf8');
  if (prefix !== '') end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  const from = Buffer.from(prefix === '' ? '\0' : prefix, 'utf8');
  const body = JSON.stringify({ key: from.toString('base64'), range_end: end.toString('base64') });
  let failure: unknown = new Error('lab: an etcd without members');
  for (const endpoint of endpoints) {
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const response = await fetch(`${endpoint}/v3/kv/range`, { method: 'POST', body, signal });
      const answer = (await response.json()) as { kvs?: FoundKey[]; error?: string };
      if (response.ok) return answer.kvs ?? [];
      failure = new Error(`lab: etcd says ${answer.error ?? response.status}`);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
