import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCgroup } from './cgroup.ts';
import {
  makeDisk,
  runInside,
  startContainer,
  untilBooted,
  type HostResult,
  type RunOptions,
} from './container.ts';
import { claimGround } from './ground.ts';
import { rootOf } from './lab.ts';
import { namespacesOf } from './network.ts';

/**
 * The machine of somebody who has just heard of pgctl: Debian 13 with nodejs, npm, git, sudo and nothing
 * else, in this machine's network, so that apt and npm reach what they reach here, and what it listens on
 * is this machine's port. User operator may sudo, user nosudo may not.
 */
export interface FreshMachine {
  /** Its file system as this machine sees it: copy a checkout into it. */
  readonly root: string;
  /** Runs a shell command inside. */
  run(command: string, options?: RunOptions): Promise<HostResult>;
  /** Leaves nothing behind. */
  stop(): Promise<void>;
}

/** Starts a fresh machine; the first one on this machine takes some minutes to build. Needs root. */
export async function startFresh(): Promise<FreshMachine> {
  const lower = await rootOf('fresh');
  const ground = await claimGround();
  try {
    const hostname = 'fresh';
    const root = await makeDisk(lower, join(ground.dir, hostname), hostname);
    // Its network is this machine's, so are the names in it.
    const names = await readFile('/etc/hosts', 'utf8');
    await writeFile(join(root, 'etc/hosts'), `127.0.1.1 ${hostname}\n${names}`);
    const leader = await startContainer({
      groups: await makeCgroup(`${ground.cgroup}/${hostname}`),
      log: join(ground.dir, 'console.log'),
      root,
      machine: `${namespacesOf(ground.number)}${hostname}`,
      hostname,
    });
    await untilBooted(leader, hostname);
    return {
      root,
      run: (text, options) => runInside(leader, text, options),
      stop: () => ground.clear(),
    };
  } catch (error) {
    await ground.clear();
    throw error;
  }
}
