import { connect } from 'node:net';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freezeCgroup, killCgroup, makeCgroup, processesOf } from './cgroup.ts';
import { command, until } from './command.ts';
import {
  BOOT_MS,
  makeDisk,
  runInside,
  startContainer,
  tailOf,
  untilBooted,
  type HostResult,
  type RunOptions,
} from './container.ts';
import { setLink, setRate, type HostNetwork } from './network.ts';

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
   * Rejects only when the host is off.
   */
  run(command: string, options?: RunOptions): Promise<HostResult>;
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
  /** Lets no more than this reach it, in megabits a second; null for no limit. */
  slow(megabits: number | null): Promise<void>;
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
  /** The root file system it starts from. */
  readonly lower: string;
  /** A directory for its disk and its console's log. */
  readonly directory: string;
  /** The public key that all its users accept. */
  readonly authorizedKey: string;
}

/** Makes a host without booting it. */
export async function makeHost(parts: HostParts): Promise<LabHost> {
  const root = await makeDisk(parts.lower, parts.directory, parts.id);
  await withoutGenerators(root);
  await writeFile(join(root, 'etc/ssh/authorized_keys'), parts.authorizedKey);
  const key = join(root, 'etc/ssh/ssh_host_ed25519_key');
  await command('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', parts.id, '-f', key]);
  const fingerprint = (await command('ssh-keygen', ['-l', '-f', key])).split(' ')[1] ?? '';
  return hostOf({ ...parts, root, fingerprint });
}

/**
 * systemd asks a dozen programs at each start and each daemon-reload which units fstab, old init scripts and the
 * like would need. A host has nothing of all that, and many reloads.
 */
async function withoutGenerators(root: string): Promise<void> {
  const masks = join(root, 'etc/systemd/system-generators');
  await mkdir(masks, { recursive: true });
  for (const name of await readdir(join(root, 'usr/lib/systemd/system-generators')))
    await symlink('/dev/null', join(masks, name));
}

function hostOf(parts: HostParts & { readonly root: string; readonly fingerprint: string }): LabHost {
  const { id, network, cgroup, root } = parts;
  const log = join(parts.directory, 'console.log');
  /** What there is of the host while it is on: its process 1 as a pid of this machine, and its group. */
  let system: { readonly leader: number; readonly group: string } | undefined;

  const running = (): { readonly leader: number; readonly group: string } => {
    if (system === undefined) throw new Error(`lab: ${id} is off`);
    return system;
  };

  const host: LabHost = {
    id,
    address: network.address,
    hostKeyFingerprint: parts.fingerprint,
    root,

    run: async (text, options) => runInside(running().leader, text, options),

    async pids(commandLine) {
      const found: number[] = [];
      for (const pid of await processesOf(running().group)) {
        const args = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        if (commandLine.test(args.replaceAll('\0', ' '))) found.push(pid);
      }
      return found;
    },

    async kill() {
      // Silent first: the kernel would say "connection refused" for a process that is gone.
      await setLink(network, 'down');
      system = undefined;
      await killCgroup(cgroup);
    },

    async boot() {
      if (system !== undefined) throw new Error(`lab: ${id} is on already`);
      const groups = await makeCgroup(cgroup);
      // What was killed while frozen left its group so.
      await freezeCgroup(groups[0], false);
      await writeFile(log, '');
      const { namespace } = network;
      const leader = await startContainer({ groups, log, root, machine: namespace, hostname: id, namespace });
      system = { leader, group: groups[0] };
      await setLink(network, 'up');
      try {
        await until(`ssh banner from ${id}`, BOOT_MS, () => answersSsh(network.address));
        // sshd comes before the end of the boot, until which pam lets nobody but root in.
        await untilBooted(leader, id);
      } catch (error) {
        throw new Error(`${String(error)}\n${tailOf(log)}`, { cause: error });
      }
    },

    async reboot() {
      await host.kill();
      await host.boot();
    },

    cutOff: () => setLink(network, 'down'),
    heal: () => setLink(network, 'up'),
    slow: (megabits) => setRate(network, megabits),
    freeze: async () => freezeCgroup(running().group, true),
    thaw: async () => freezeCgroup(running().group, false),
  };
  return host;
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
