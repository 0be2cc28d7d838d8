import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { freezeCgroup, killCgroup, makeCgroup, processesOf } from './cgroup.ts';
import { command, ENVIRONMENT, until } from './command.ts';
import { setLink, type HostNetwork } from './network.ts';

/** What a command inside a host ended with. A failure is a result, too. 124: it took too long. */
export interface HostResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Linux system of its own: systemd, sshd, address, disk. */
export interface LabHost {
  /** host-1, host-2, …: also its host name. */
  readonly id: string;
  readonly address: string;
  /** SHA256:… of its only host key, of type ed25519. */
  readonly hostKeyFingerprint: string;
  /** Its file system as this machine sees it; of use also while the host is off. */
  readonly root: string;
  /**
   * Runs a shell command inside the host, not through sshd, so it works on a host that is cut off.
   * By root unless said otherwise, for at most a minute unless said otherwise.
   */
  run(
    command: string,
    options?: { readonly user?: string; readonly input?: string; readonly timeoutMs?: number },
  ): Promise<HostResult>;
  /** Pids, on this machine, of the host's processes whose command line matches: for strace and signals. */
  pids(commandLine: RegExp): Promise<number[]>;
  /** The machine is lost: its processes are gone and its address is silent. */
  kill(): Promise<void>;
  /** Starts it again with the same disk; resolves when it has booted and its sshd answers. */
  boot(): Promise<void>;
  /** Power off and on: no process gets to end by itself. */
  reboot(): Promise<void>;
  /** Unplugs its network; it runs on. */
  cutOff(): Promise<void>;
  heal(): Promise<void>;
  /** Stops all its processes where they are. Its kernel still answers: connections open and then hang. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
}

/** What a host is made of. */
export interface HostParts {
  readonly id: string;
  readonly network: HostNetwork;
  /** Name of its control group. */
  readonly cgroup: string;
  /** The root file system it starts from; never written to. */
  readonly lower: string;
  /** A directory for its disk and its console's log. */
  readonly directory: string;
  /** The public key that all its users accept. */
  readonly authorizedKey: string;
}

/** Longest time from power on to sshd; it takes one to three seconds when the machine has time for it. */
const BOOT_MS = 90_000;

/** Makes a host's disk, without booting it. */
export async function makeHost(parts: HostParts): Promise<LabHost> {
  const { id, directory, lower } = parts;
  const root = join(directory, 'root');
  const upper = join(directory, 'upper');
  const work = join(directory, 'work');
  for (const path of [root, upper, work]) await mkdir(path, { recursive: true });
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  // volatile: no sync of a host reaches the machine's disk. The loss of a host keeps the page cache, so
  // nothing differs but the time that databases wait.
  await command('mount', ['-t', 'overlay', 'overlay', '-o', `${layers},volatile`, root]);

  await writeFile(join(root, 'etc/machine-id'), `${randomBytes(16).toString('hex')}\n`);
  await writeFile(join(root, 'etc/hostname'), `${id}\n`);
  await writeFile(join(root, 'etc/hosts'), `127.0.0.1 localhost\n127.0.1.1 ${id}\n`);
  await writeFile(join(root, 'etc/ssh/authorized_keys'), parts.authorizedKey);
  const key = join(root, 'etc/ssh/ssh_host_ed25519_key');
  await command('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', id, '-f', key]);
  const fingerprint = (await command('ssh-keygen', ['-l', '-f', key])).split(' ')[1] ?? '';
  return hostOf({ ...parts, root, fingerprint });
}

function hostOf(parts: HostParts & { root: string; fingerprint: string }): LabHost {
  const { id, network, cgroup } = parts;
  const log = join(parts.directory, 'console.log');
  /** The host's process 1, as a pid of this machine; undefined while the host is off. */
  let leader: number | undefined;
  /** In which every process of the host is; the first one is of version 2. */
  let groups: string[] = [];

  const group = (): string => {
    const [first] = groups;
    if (leader === undefined || first === undefined) throw new Error(`lab: ${id} is off`);
    return first;
  };

  const host: LabHost = {
    id,
    address: network.address,
    hostKeyFingerprint: parts.fingerprint,
    root: parts.root,

    async run(text, { user = 'root', input, timeoutMs = 60_000 } = {}) {
      group();
      const inside = ['--mount', '--uts', '--ipc', '--net', '--pid', '--root', '--wd'];
      // With nothing of this process's environment but what a login would set.
      const clean = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'];
      const limit = ['timeout', '--kill-after=2', `${timeoutMs / 1000}s`];
      const as = ['su', '--shell', '/bin/sh', '--command', text, user];
      const result = await execa('nsenter', ['--target', `${leader}`, ...inside, ...clean, ...limit, ...as], {
        ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
        env: ENVIRONMENT,
        reject: false,
        stripFinalNewline: false,
      });
      // No exit code: nsenter itself died, as when the host is killed in the middle.
      return { exitCode: result.exitCode ?? 255, stdout: result.stdout, stderr: result.stderr };
    },

    async pids(commandLine) {
      const found: number[] = [];
      for (const pid of await processesOf(group())) {
        const args = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        if (commandLine.test(args.replaceAll('\0', ' '))) found.push(pid);
      }
      return found;
    },

    async kill() {
      // Silent first: the kernel would say "connection refused" for a process that is gone.
      await setLink(network, 'down');
      leader = undefined;
      await killCgroup(cgroup);
    },

    async boot() {
      if (leader !== undefined) throw new Error(`lab: ${id} is on already`);
      groups = await makeCgroup(cgroup);
      // What was killed while frozen left its group so.
      if (groups[0] !== undefined) await freezeCgroup(groups[0], false);
      await writeFile(log, '');
      leader = await startContainer({ groups, log, root: parts.root, machine: network.namespace, id });
      await setLink(network, 'up');
      try {
        await until(`ssh banner from ${id}`, BOOT_MS, () => answersSsh(network.address));
        // Until then pam lets nobody but root in. "degraded" is fine: units fail for reasons of their own.
        const state = await host.run('systemctl is-system-running --wait', { timeoutMs: BOOT_MS });
        if (!/^(running|degraded)\n$/.test(state.stdout)) throw new Error(`lab: ${id} is ${state.stdout}`);
      } catch (error) {
        throw new Error(`${String(error)}\n${tail(log)}`, { cause: error });
      }
    },

    async reboot() {
      await host.kill();
      await host.boot();
    },

    cutOff: () => setLink(network, 'down'),
    heal: () => setLink(network, 'up'),
    freeze: () => freezeCgroup(group(), true),
    thaw: () => freezeCgroup(group(), false),
  };
  return host;
}

interface Container {
  readonly groups: readonly string[];
  readonly log: string;
  readonly root: string;
  /** Unique on this machine. */
  readonly machine: string;
  readonly id: string;
}

/** Starts a container on a network namespace of the machine's name and returns the pid of its process 1. */
async function startContainer({ groups, log, root, machine, id }: Container): Promise<number> {
  const nspawn = [
    'systemd-nspawn',
    '--quiet',
    `--directory=${root}`,
    '--boot',
    `--machine=${machine}`,
    `--hostname=${id}`,
    `--network-namespace-path=/run/netns/${machine}`,
    '--register=no',
    '--keep-unit',
    '--console=read-only',
    '--link-journal=no',
    '--resolv-conf=off',
    '--timezone=off',
  ];
  // Into its control groups first, as nspawn makes the container's below its own; and to die with this
  // process, whatever that dies of.
  const enter =
    'for group; do [ "$group" = -- ] && break; echo $$ >"$group/cgroup.procs" || exit; shift; done';
  const start = `${enter}; shift; exec setpriv --pdeathsig KILL "$@"`;
  const child = execa('sh', ['-c', start, 'lab', ...groups, '--', ...nspawn], {
    // The host's systemd cannot do without version 2, whatever this machine's uses; no lock files, since
    // nobody else knows of this directory.
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
  return until(`process 1 of ${id}`, BOOT_MS, () => {
    if (over) throw new Error(`lab: ${id} did not start\n${tail(log)}`);
    return child.pid === undefined ? undefined : leaderBelow(child.pid);
  });
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

/** True when something at the address speaks ssh; undefined when not, or not within a second. */
function answersSsh(address: string): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22, timeout: 1_000 });
    const end = (answer: true | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (data) => end(data.toString('latin1').startsWith('SSH-') ? true : undefined));
    socket.once('error', () => end(undefined));
    socket.once('timeout', () => end(undefined));
    socket.once('close', () => end(undefined));
  });
}

function tail(log: string): string {
  return readFileSync(log, 'utf8').split('\n').slice(-25).join('\n');
}
