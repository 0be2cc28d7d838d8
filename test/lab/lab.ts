import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { killCgroup, removeCgroup } from './cgroup.ts';
import { command } from './command.ts';
import { startEtcd, type LabEtcd } from './etcd.ts';
import { forgetContainers, makeHost, type LabHost } from './host.ts';
import { freeNumbers, makeNetwork, namespacesOf, removeNetwork } from './network.ts';
import {
  claimNumber,
  makeScratch,
  releaseNumber,
  removeScratch,
  sweepScratch,
  takeOverDead,
} from './owner.ts';

export { startEtcd, type LabEtcd, type LabEtcdMember } from './etcd.ts';
export type { HostResult, LabHost } from './host.ts';

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

const ROOT_SCRIPT = fileURLToPath(new URL('root', import.meta.url));

/**
 * Starts a lab; resolves when every host has booted and etcd is ready, after some seconds. The first one
 * on a machine builds the root file system, some two minutes. Needs root and what ./install installs.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  if (process.getuid?.() !== 0) throw new Error('lab: real hosts need the root user');
  await sweep();
  const lower = await command(ROOT_SCRIPT, [options.release ?? 'trixie']);
  const number = await claimNumber(await freeNumbers());
  const dir = await makeScratch();
  let etcd: LabEtcd | undefined;
  const stop = async (): Promise<void> => {
    await etcd?.stop();
    await removeLab(number);
    await removeScratch(dir);
    await releaseNumber(number);
  };
  try {
    const identityFile = join(dir, 'identity');
    await command('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', identityFile]);
    const authorizedKey = await readFile(`${identityFile}.pub`, 'utf8');

    const ids = Array.from({ length: options.hosts }, (_, index) => `host-${index + 1}`);
    const network = await makeNetwork(number, ids);
    const startHost = async (id: string, index: number): Promise<LabHost> => {
      const own = network.hosts[index];
      if (own === undefined) throw new Error(`lab: no network for ${id}`);
      const cgroup = `${cgroupOf(number)}/${id}`;
      const host = await makeHost({
        id,
        network: own,
        cgroup,
        lower,
        directory: join(dir, id),
        authorizedKey,
      });
      await host.boot();
      return host;
    };
    // All are awaited, also when one fails: what is cleaned up must not go on being made.
    const [started, ...hosts] = await Promise.allSettled([
      startEtcd({ members: options.etcdMembers ?? 1, address: network.address }),
      ...ids.map(startHost),
    ]);
    if (started.status === 'fulfilled') etcd = started.value;
    const running = hosts.map(valueOf);
    return {
      hosts: running,
      host(id) {
        const found = running.find((host) => host.id === id);
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

const cgroupOf = (number: number): string => `pgctl-lab-${number}`;

/** Removes what labs left behind whose process was killed. */
async function sweep(): Promise<void> {
  for (const number of await takeOverDead()) {
    await removeLab(number);
    await releaseNumber(number);
  }
  await sweepScratch();
}

/** Ends and removes all of a lab but its directory, by its number alone. */
async function removeLab(number: number): Promise<void> {
  const group = cgroupOf(number);
  await killCgroup(group);
  await removeCgroup(group);
  await forgetContainers(namespacesOf(number));
  await removeNetwork(number);
}
