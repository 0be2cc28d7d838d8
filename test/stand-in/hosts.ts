import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { FaultHost } from '../faults/invariants.ts';
import type { HostRecord } from '../../src/records/types.ts';

/** The program that is ssh for these hosts; see there. */
export const SSH = fileURLToPath(new URL('ssh', import.meta.url));
const NAMESPACES = fileURLToPath(new URL('namespaces', import.meta.url));
/** What a host has: files of units, names of those that are enabled, the base directory. */
const PARTS = ['units', 'enabled', 'base'] as const;
const BIN = fileURLToPath(new URL('bin', import.meta.url));

/** One instance as it is on its host. */
export interface FoundInstance {
  readonly instanceId: string;
  readonly scope: string;
  readonly host: string;
  readonly dir: string;
  readonly running: boolean;
  /** Whether its Patroni may make a new cluster. */
  readonly bootstraps: boolean;
  /** The process that stands for its postmaster; null for none. */
  readonly pid: number | null;
}

/** Hosts that are directories of this machine, with real files and processes. */
export class StandInHosts {
  readonly dir: string;
  readonly ids: readonly string[];

  private constructor(dir: string, ids: readonly string[]) {
    this.dir = dir;
    this.ids = ids;
  }

  static async make(ids: readonly string[]): Promise<StandInHosts> {
    const dir = await mkdtemp(join(tmpdir(), 'pgctl-stand-in-'));
    for (const id of ids) for (const part of PARTS) await mkdir(join(dir, id, part), { recursive: true });
    await execa(NAMESPACES, ['make', dir, ...ids]);
    return new StandInHosts(dir, ids);
  }

  /** The record that `host add` would have made. */
  record(id: string): HostRecord {
    const at = '2026-01-02T03:04:05.000Z';
    return {
      host_id: id,
      address: id,
      advertise: null,
      ssh: { user: 'root', port: null, identity_file: null },
      host_keys: [],
      service_manager: 'systemd',
      base_dir: join(this.dir, id, 'base'),
      host_endpoints: null,
      labels: {},
      facts: {
        ...{ os: 'stand-in', kernel: '0', hostname: id, machine_id: id, cpus: 2, memory_bytes: 2 ** 32 },
        ...{ disk_free_bytes: 2 ** 40, disk_total_bytes: 2 ** 40, privileges: 'root' },
        ...{ run_user: 'postgres', run_user_home: '/', clock_skew_seconds: 0, systemd: true },
        postgres: [{ version: '17.6', bin_dir: BIN }],
        patroni: { version: '4.0.6', path: join(BIN, 'patroni'), python: join(BIN, 'python') },
        gathered_at: at,
      },
      created_at: at,
      updated_at: at,
    };
  }

  /** From now on nothing answers there, and nothing runs. */
  async lose(id: string): Promise<void> {
    await writeFile(join(this.dir, id, 'lost'), '');
    await this.#endProcesses(id);
  }

  isLost(id: string): Promise<boolean> {
    return exists(join(this.dir, id, 'lost'));
  }

  /** Its base directory is on a disk that can only be read; returns how to mend that. */
  async makeReadOnly(id: string): Promise<() => Promise<void>> {
    const base = join(this.dir, id, 'base');
    const inside = ['--mount=' + join(this.dir, 'namespaces', `${id}.mount`)];
    await execa('nsenter', [...inside, 'mount', '--bind', base, base]);
    await execa('nsenter', [...inside, 'mount', '-o', 'remount,bind,ro', base]);
    return async () => void (await execa('nsenter', [...inside, 'umount', base]));
  }

  /** A new machine under the same name. */
  async replace(id: string): Promise<void> {
    await this.#endProcesses(id);
    await rm(join(this.dir, id, 'lost'), { force: true });
    // The directories themselves are mounted.
    for (const part of PARTS)
      for (const name of await listed(join(this.dir, id, part)))
        await rm(join(this.dir, id, part, name), { recursive: true });
  }

  async #endProcesses(id: string): Promise<void> {
    for (const { host, pid } of await this.instances())
      if (host === id && pid !== null) process.kill(pid, 'SIGKILL');
  }

  /** Every instance's directory on hosts that are not lost. */
  async instances(): Promise<FoundInstance[]> {
    const found = await Promise.all(
      this.ids.map(async (host) => {
        const base = join(this.dir, host, 'base');
        const [names, lost] = await Promise.all([listed(base), this.isLost(host)]);
        if (lost) return [];
        return Promise.all(
          names
            .filter((name) => !name.startsWith('.'))
            .map((name) => this.#look(host, join(base, name), name)),
        );
      }),
    );
    return found.flat();
  }

  async #look(host: string, dir: string, instanceId: string): Promise<FoundInstance> {
    const text = await readFile(join(dir, 'data', 'postmaster.pid'), 'utf8').catch(() => '');
    const pid = /^\d+\n/.test(text) ? Number.parseInt(text, 10) : null;
    const cwd = pid === null ? '' : await readlink(`/proc/${pid}/cwd`).catch(() => '');
    const running = cwd === join(dir, 'data');
    const config = await readFile(join(dir, 'patroni.yml'), 'utf8').catch(() => '');
    const [database = '', node = ''] = instanceId.split('.');
    return {
      ...{ instanceId, host, dir, running, pid: running ? pid : null },
      scope: `${database}.${node}`,
      bootstraps: /^bootstrap:/m.test(config),
    };
  }

  /** What a switchover was asked for on a host; taken away by looking. */
  async takeHandOver(
    id: string,
  ): Promise<{ readonly from: string; readonly to: readonly string[] | null } | null> {
    const file = join(this.dir, id, 'hand_over');
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text === null) return null;
    await rm(file, { force: true });
    return JSON.parse(text) as { from: string; to: string[] | null };
  }

  /** A host as it is; nothing is to be seen of one that is lost. */
  look(id: string): Omit<FaultHost, 'id'> {
    const names = async (...parts: string[]): Promise<string[]> =>
      (await this.isLost(id)) ? [] : listed(join(this.dir, id, ...parts));
    return {
      directories: async () => (await names('base')).filter((name) => name !== '.fence'),
      async units() {
        const files = [...(await names('units')), ...(await names('enabled'))];
        return [...new Set(files.map((file) => file.replace(/^pgctl-|\.service$/g, '')))];
      },
      servers: async () =>
        (await this.instances())
          .filter(({ host, running }) => host === id && running)
          .map(({ instanceId }) => instanceId),
      jobs: async () => (await names('base', '.fence')).filter((name) => name.includes('.job.')),
    };
  }

  /** The passwords that pgctl made for Patroni, as they are on the hosts. */
  async passwords(): Promise<string[]> {
    const configs = await Promise.all(
      (await this.instances()).map(({ dir }) => readFile(join(dir, 'patroni.yml'), 'utf8').catch(() => '')),
    );
    return configs.flatMap((text) =>
      [...text.matchAll(/^\s*password: (\S+)$/gm)].map(([, password]) => password ?? ''),
    );
  }

  async remove(): Promise<void> {
    for (const id of this.ids) await this.#endProcesses(id);
    await execa(NAMESPACES, ['remove', this.dir]);
    await rm(this.dir, { recursive: true, force: true });
  }
}

const listed = (dir: string): Promise<string[]> => readdir(dir).catch(() => []);
const exists = (path: string): Promise<boolean> =>
  readFile(path).then(
    () => true,
    () => false,
  );
