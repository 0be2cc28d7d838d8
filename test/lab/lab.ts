import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from './command.ts';
import { startEtcd, type LabEtcd } from './etcd.ts';
import { claimGround } from './ground.ts';
import { makeHost, type LabHost } from './host.ts';
import { makeNetwork } from './network.ts';

export { startEtcd, type LabEtcd, type LabEtcdMember } from './etcd.ts';
export type { HostResult, RunOptions } from './container.ts';
export type { LabHost } from './host.ts';

export interface LabOptions {
  /** How many hosts: host-1, host-2, … */
  readonly hosts: number;
  /** Debian 13 (PostgreSQL 17) unless said otherwise; bookworm is Debian 12 (PostgreSQL 15). */
  readonly release?: 'trixie' | 'bookworm';
  readonly etcdMembers?: 1 | 3;
}

/** Real hosts and a real etcd in a network of their own, for one test file. */
export interface Lab {
  readonly hosts: readonly LabHost[];
  host(id: string): LabHost;
  /** Listens on an address that this machine and all hosts reach. */
  readonly etcd: LabEtcd;
  /** The private key that root, operator (sudo), cshuser (sudo, csh) and nosudo of every host accept. */
  readonly identityFile: string;
  /** For the tests to use; goes with the lab. */
  readonly dir: string;
  /** Leaves nothing behind. */
  stop(): Promise<void>;
}

/** Builds the root file system of a kind of machine, unless it is there, and returns its path. */
export function rootOf(kind: 'trixie' | 'bookworm' | 'fresh'): Promise<string> {
  return command(fileURLToPath(new URL('root', import.meta.url)), [kind]);
}

/**
 * Starts a lab; resolves when every host has booted and etcd is ready, after some seconds. The first one
 * on a machine builds the root file system, some two minutes. Needs root and what ./install installs.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  const lower = await rootOf(options.release ?? 'trixie');
  const ground = await claimGround();
  const { dir } = ground;
  let etcd: LabEtcd | undefined;
  const stop = async (): Promise<void> => {
    await etcd?.stop();
    await ground.clear();
  };
  try {
    const identityFile = join(dir, 'identity');
    await command('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', identityFile]);
    const authorizedKey = await readFile(`${identityFile}.pub`, 'utf8');

    const ids = Array.from({ length: options.hosts }, (_, index) => `host-${index + 1}`);
    const network = await makeNetwork(ground.number, ids);
    const startHost = async (id: string, index: number): Promise<LabHost> => {
      const own = network.hosts[index];
      if (own === undefined) throw new Error(`lab: no network for ${id}`);
      const [cgroup, directory] = [`${ground.cgroup}/${id}`, join(dir, id)];
      const host = await makeHost({ id, network: own, cgroup, lower, directory, authorizedKey });
      await host.boot();
      return host;
    };
    // All are awaited, also when one fails: what is cleaned up must not go on being made.
    const [started, ...booted] = await Promise.allSettled([
      startEtcd({ members: options.etcdMembers ?? 1, address: network.address }),
      ...ids.map(startHost),
    ]);
    if (started.status === 'fulfilled') etcd = started.value;
    const hosts = booted.map(valueOf);
    return {
      hosts,
      host(id) {
        const found = hosts.find((host) => host.id === id);
        if (found === undefined) throw new Error(`lab: no ${id}`);
        return found;
      },
      etcd: valueOf(started),
      identityFile,
      dir,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function valueOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}
