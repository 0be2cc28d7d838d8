import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { command, ENVIRONMENT, until } from './command.ts';

/** What a command inside a container ended with. A failure is a result, too. 124: it took too long. */
export interface HostResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** root unless said otherwise */
  readonly user?: string;
  readonly input?: string;
  /** a minute unless said otherwise */
  readonly timeoutMs?: number;
}

/** Longest time from power on to a shell; it takes about a second when the machine has time for it. */
export const BOOT_MS = 90_000;

/** Makes the disk of a container on top of a root file system that is never written to. */
export async function makeDisk(lower: string, directory: string, hostname: string): Promise<string> {
  const root = join(directory, 'root');
  const upper = join(directory, 'upper');
  const work = join(directory, 'work');
  for (const path of [root, upper, work]) await mkdir(path, { recursive: true });
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  // volatile: no sync of a host reaches the machine's disk. The loss of a host keeps the page cache, so
  // nothing differs but the time that databases wait.
  await command('mount', ['-t', 'overlay', 'overlay', '-o', `${layers},volatile`, root]);
  // Without an id of its own, systemd takes it for a first boot and enables every unit there is.
  await writeFile(join(root, 'etc/machine-id'), `${randomBytes(16).toString('hex')}\n`);
  await writeFile(join(root, 'etc/hostname'), `${hostname}\n`);
  await writeFile(join(root, 'etc/hosts'), `127.0.0.1 localhost\n127.0.1.1 ${hostname}\n`);
  return root;
}

export interface ContainerOptions {
  /** Control groups, already made, that its own will be below. */
  readonly groups: readonly string[];
  /** File for what it says on its console. */
  readonly log: string;
  readonly root: string;
  /** Unique on this machine. */
  readonly machine: string;
  readonly hostname: string;
  /** Name of its network namespace; this machine's network when undefined. */
  readonly namespace?: string;
}

/** Starts a container and returns the pid of its process 1, which has yet to boot. It ends with this process. */
export async function startContainer(options: ContainerOptions): Promise<number> {
  const { groups, log, hostname, namespace } = options;
  const nspawn = [
    'systemd-nspawn',
    '--quiet',
    `--directory=${options.root}`,
    '--boot',
    `--machine=${options.machine}`,
    `--hostname=${hostname}`,
    ...(namespace === undefined
      ? ['--resolv-conf=replace-host']
      : ['--resolv-conf=off', `--network-namespace-path=/run/netns/${namespace}`]),
    '--register=no',
    '--keep-unit',
    '--console=read-only',
    '--link-journal=no',
    '--timezone=off',
  ];
  // Into its control groups first, as nspawn makes the container's below its own; and to die with this
  // process, whatever that dies of.
  const enter =
    'for group; do [ "$group" = -- ] && break; echo $$ >"$group/cgroup.procs" || exit; shift; done';
  const start = `${enter}; shift; exec setpriv --pdeathsig KILL "$@"`;
  const child = execa('sh', ['-c', start, 'lab', ...groups, '--', ...nspawn], {
    // The container's systemd cannot do without version 2, whatever this machine's uses; no lock files,
    // since nobody else knows of this directory.
    env: { ...ENVIRONMENT, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1', SYSTEMD_NSPAWN_LOCK: '0' },
    stdin: 'ignore',
    stdout: { file: log },
    stderr: { file: log },
    reject: false,
    // Ctrl-C at the terminal is for the tests, which then stop the lab.
    detached: true,
  });
  let over = false;
  void child.then(() => (over = true));
  return until(`process 1 of ${hostname}`, BOOT_MS, () => {
    if (over) throw new Error(`lab: ${hostname} did not start\n${tailOf(log)}`);
    return child.pid === undefined ? undefined : leaderBelow(child.pid);
  });
}

/** The child of nspawn that is process 1 of its own process namespace. */
function leaderBelow(pid: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    const found = children.find((child) =>
      /^NSpid:\t\d+\t1$/m.test(readFileSync(`/proc/${child}/status`, 'utf8')),
    );
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}

/** Waits until a container that has been started has booted. */
export async function untilBooted(leader: number, hostname: string): Promise<void> {
  await until(`system of ${hostname}`, BOOT_MS, async () => {
    // "degraded" is fine, units fail for reasons of their own. No state at all: no bus to ask yet.
    const wait = 'systemctl is-system-running --wait';
    const { stdout } = await runInside(leader, wait, { timeoutMs: BOOT_MS });
    return /^(running|degraded)\n$/.test(stdout) ? true : undefined;
  });
}

/** Runs a shell command inside a container, by the pid of its process 1. */
export async function runInside(leader: number, text: string, options: RunOptions = {}): Promise<HostResult> {
  const { user = 'root', input, timeoutMs = 60_000 } = options;
  const inside = ['--mount', '--uts', '--ipc', '--net', '--pid', '--root', '--wd'];
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  // With nothing of this process's environment, but with the container's own (/etc/environment, by su).
  const clean = ['env', '-i', path, 'LANG=C.UTF-8'];
  // The limit is inside of su, which, told to end, takes two seconds over it.
  const su = ['su', '--shell', '/bin/sh', '--command', 'exec "$@"', '--', user];
  const limited = ['sh', 'timeout', '--kill-after=2', `${timeoutMs / 1000}s`, '/bin/sh', '-c', text];
  const result = await execa('nsenter', ['--target', `${leader}`, ...inside, ...clean, ...su, ...limited], {
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    env: ENVIRONMENT,
    reject: false,
    stripFinalNewline: false,
  });
  // No exit code: nsenter itself died, as when the host is killed in the middle.
  return { exitCode: result.exitCode ?? 255, stdout: result.stdout, stderr: result.stderr };
}

/** Removes what nspawn keeps of containers while they run, and leaves behind when it is killed. */
export async function forgetContainers(namePrefix: string): Promise<void> {
  for (const directory of ['/run/systemd/nspawn/propagate', '/run/systemd/nspawn/unix-export']) {
    for (const name of await readdir(directory).catch(() => [])) {
      if (!name.startsWith(namePrefix)) continue;
      // Newer versions mount something there.
      await command('umount', ['--lazy', '--quiet', join(directory, name)]).catch(() => undefined);
      await rmdir(join(directory, name));
    }
  }
}

/** The last lines of a console. */
export function tailOf(log: string): string {
  return readFileSync(log, 'utf8').split('\n').slice(-25).join('\n');
}
