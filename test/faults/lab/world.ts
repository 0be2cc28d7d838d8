import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Operator, PROGRAM, type Ran } from '../../e2e/pgctl.ts';
import { until } from '../../lab/command.ts';
import type { Lab, LabHost } from '../../lab/lab.ts';
import type { FaultHost, Heard, World } from '../invariants.ts';
import { noteFaults } from '../report.ts';
import { processesWith, watchArguments } from './processes.ts';

/** The password in every spec of these tests; nothing may ever show it. */
export const CANARY = 'canary-Zk3v9-never-to-be-seen';
const BASE = '/var/lib/pgctl';

/** A run of pgctl in the background. */
export interface Running {
  readonly pid: number;
  /** What it said so far. */
  stderr(): string;
  /** Resolves when it has said something; rejects when it ends before. */
  says(words: RegExp): Promise<void>;
  signal(name: NodeJS.Signals): void;
  readonly ended: Promise<Ran>;
}

export interface LabWorld extends World {
  /** Starts pgctl with `-v`, so that every event is told when it begins. */
  begin(args: readonly string[]): Running;
  /** Counts a fault after which everything that has to hold was seen to hold. */
  survived(what: string): void;
  /** Notes what was survived. */
  dispose(): void;
}

/** How long something that is waited for may take to be said. */
const PATIENCE_MS = 60_000;

/** What the invariants look at, on real hosts. */
export function worldOf(lab: Lab, operator: Operator): LabWorld {
  const outputs: Heard[] = [];
  const argumentLists = watchArguments();
  const passwords = new Set([CANARY]);
  const survived = new Map<string, number>();
  const hear = (args: readonly string[], ran: Ran): Ran => {
    outputs.push({ where: `stdout of ${args.join(' ')}`, text: ran.stdout });
    outputs.push({ where: `stderr of ${args.join(' ')}`, text: ran.stderr });
    return ran;
  };
  return {
    run: async (args) => hear(args, await operator.run(args)),
    begin(args) {
      const running = begin(args, operator);
      return { ...running, ended: running.ended.then((ran) => hear(args, ran)) };
    },
    dump: () => lab.etcd.dump(),
    hosts: lab.hosts.map((host) => lookAt(host)),
    children: async () =>
      processesWith(`HOME=${operator.home}`)
        .map(({ commandLine }) => commandLine)
        // A master ends by itself a minute after its last session.
        .filter((commandLine) => !commandLine.includes(' -M -N ') && !commandLine.includes('[mux]')),
    heard: async () => [
      ...outputs,
      ...[...argumentLists.seen].map((text) => ({ where: `an argument list: ${text.slice(0, 60)}`, text })),
    ],
    async secrets() {
      for (const host of lab.hosts) for (const found of await passwordsOn(host)) passwords.add(found);
      const key = await readFile(join(operator.home, '.config/pgctl/secret.key'), 'utf8');
      return [...passwords, key.trim()];
    },
    survived: (what) => void survived.set(what, (survived.get(what) ?? 0) + 1),
    dispose() {
      argumentLists.stop();
      noteFaults([...survived].map(([what, injected]) => ({ what: `on real hosts: ${what}`, injected })));
    },
  };
}

function begin(args: readonly string[], operator: Operator): Running {
  const child = execa('node', [PROGRAM, ...args, '-v'], {
    env: operator.env,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
  });
  let stderr = '';
  let over = false;
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const ended = child.then(({ exitCode, stdout, stderr: all }) => {
    over = true;
    return { exitCode: exitCode ?? -1, stdout, stderr: all };
  });
  return {
    pid: child.pid ?? 0,
    stderr: () => stderr,
    async says(words) {
      await until(`${words.source} from pgctl ${args.join(' ')}`, PATIENCE_MS, () => {
        if (words.test(stderr)) return true;
        if (over) throw new Error(`pgctl ${args.join(' ')} ended without saying ${words.source}:\n${stderr}`);
        return undefined;
      });
    },
    signal: (name) => void child.kill(name),
    ended,
  };
}

/** A worker of pgctl, its watch, or what a job consists of. */
const JOB =
  /IFS= read -r w|^(setsid )?sh -s\b|^sh -euc |^setsid sh -c|^sh -c\s+while timeout|^timeout \d+ (head|sh) -c/;

function lookAt(host: LabHost): FaultHost {
  const lines = async (script: string): Promise<string[]> => {
    const { stdout } = await host.run(script);
    return [...new Set(stdout.split('\n').filter((line) => line !== ''))];
  };
  return {
    id: host.id,
    directories: () => lines(`ls -A ${BASE} 2>/dev/null | grep -vxF .fence || :`),
    units: () =>
      lines(`{ ls /etc/systemd/system; systemctl list-units --all --plain --no-legend 'pgctl-*' | cut -d ' ' -f 1
        } | sed -n 's/^pgctl-\\(.*\\)\\.service/\\1/p'`),
    servers: () =>
      lines(`for pid in $(pgrep -x postgres); do
        dir=$(readlink "/proc/$pid/cwd"); case $dir in ${BASE}/*/data) basename "\${dir%/data}" ;; esac; done`),
    async jobs() {
      const pids = await host.pids(JOB);
      const found = await Promise.all(
        pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
      );
      return found.filter((line) => line !== '').map((line) => line.replaceAll('\0', ' ').slice(0, 120));
    },
  };
}

/** The passwords that pgctl made for Patroni, as they are on a host. */
async function passwordsOn(host: LabHost): Promise<string[]> {
  const base = join(host.root, BASE);
  const found: string[] = [];
  for (const name of await readdir(base).catch(() => [])) {
    const text = await readFile(join(base, name, 'patroni.yml'), 'utf8').catch(() => '');
    found.push(...[...text.matchAll(/^\s*password: (\S+)$/gm)].map(([, password]) => password ?? ''));
  }
  return found.filter((password) => password.length >= 8);
}
