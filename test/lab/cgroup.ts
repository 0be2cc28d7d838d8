import { readFileSync } from 'node:fs';
import { access, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './command.ts';

/**
 * Control groups hold the processes of a host together: to be frozen, to be killed to the last one, and
 * to be found by the next lab after this process was killed.
 */

/** Where this machine has control groups: version 2, and systemd's tree of version 1 where both exist. */
function hierarchies(): [string, ...string[]] {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const found: string[] = [];
  for (const line of lines) {
    const [, path, type, options] = line.split(' ');
    if (path === undefined) continue;
    if (type === 'cgroup2') found.unshift(path);
    else if (type === 'cgroup' && options?.split(',').includes('name=systemd')) found.push(path);
  }
  const [first, ...rest] = found;
  if (first === undefined) throw new Error('lab: this machine has no control groups');
  return [first, ...rest];
}

/** Creates a group in every hierarchy and returns its directories, version 2 first. */
export async function makeCgroup(name: string): Promise<[string, ...string[]]> {
  const [first, ...rest] = hierarchies();
  const directories: [string, ...string[]] = [join(first, name), ...rest.map((path) => join(path, name))];
  for (const directory of directories) await mkdir(directory, { recursive: true });
  return directories;
}

/** All processes of a group and the groups below it. None when it does not exist. */
export async function processesOf(directory: string): Promise<number[]> {
  // A group can go while it is looked at (ENODEV, ENOENT).
  const own = await readFile(join(directory, 'cgroup.procs'), 'utf8').catch(() => '');
  const pids = own.split('\n').filter(Boolean).map(Number);
  for (const child of await childrenOf(directory)) pids.push(...(await processesOf(child)));
  return pids;
}

async function childrenOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name));
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Kills every process of a group, in all hierarchies, and waits until none is left. */
export async function killCgroup(name: string): Promise<void> {
  for (const hierarchy of hierarchies()) {
    const directory = join(hierarchy, name);
    await until(`end of the processes of ${name}`, 10_000, async () => {
      const pids = await processesOf(directory);
      for (const pid of pids) signal(pid, 'SIGKILL');
      return pids.length === 0 ? true : undefined;
    });
  }
}

/** Removes an empty group with the groups below it. */
export async function removeCgroup(name: string): Promise<void> {
  for (const hierarchy of hierarchies()) await removeTree(join(hierarchy, name));
}

async function removeTree(directory: string): Promise<void> {
  for (const child of await childrenOf(directory)) await removeTree(child);
  await until(`removal of ${directory}`, 5_000, async () => {
    try {
      await rmdir(directory);
      return true;
    } catch (error) {
      // A process that has just died is counted for a moment longer.
      if ((error as NodeJS.ErrnoException).code === 'EBUSY') return undefined;
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
      throw error;
    }
  });
}

/** Stops or continues every process of a group; resolves when they have. */
export async function freezeCgroup(directory: string, frozen: boolean): Promise<void> {
  const control = join(directory, 'cgroup.freeze');
  const hasFreezer = await access(control).then(
    () => true,
    () => false,
  );
  if (!hasFreezer) {
    for (const pid of await processesOf(directory)) signal(pid, frozen ? 'SIGSTOP' : 'SIGCONT');
    return;
  }
  await writeFile(control, frozen ? '1' : '0');
  await until('frozen processes', 5_000, async () => {
    const events = await readFile(join(directory, 'cgroup.events'), 'utf8');
    return events.includes(`frozen ${frozen ? 1 : 0}`) ? true : undefined;
  });
}
