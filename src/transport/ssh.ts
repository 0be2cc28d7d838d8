import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { endMaster } from './mux.ts';
import { type Environment, howItEnded, runChildToEnd } from './spawned.ts';
import type { Target } from './target.ts';

/** How pgctl calls OpenSSH. */
export interface SshSettings {
  /** The program, from PGCTL_SSH. */
  readonly program: string;
  /** A private directory (0700) with a short path: sockets of masters and known_hosts files. */
  readonly runDir: string;
  readonly connectTimeoutMs: number;
  readonly env?: Environment;
}

/** The user's own files come after pgctl's, so that a key accepted by hand counts as well. */
const USER_KNOWN_HOSTS = '~/.ssh/known_hosts ~/.ssh/known_hosts2';

const socketOf = (settings: SshSettings, target: Target): string =>
  join(settings.runDir, `${target.hostId}.sock`);
const knownHostsOf = (settings: SshSettings, target: Target): string =>
  join(settings.runDir, `${target.hostId}.known_hosts`);

/**
 * The name that pgctl's known_hosts files know a host by: its id, so that a host that moves to another
 * address, or two names of one address, cannot be mistaken for one another.
 */
const aliasOf = (target: Target): string => `pgctl-${target.hostId}`;

/** Options of every call. Nothing of the user's is forwarded, nothing is asked. */
function commonOptions(settings: SshSettings, target: Target): string[] {
  const options: Record<string, string> = {
    BatchMode: 'yes',
    ConnectTimeout: String(Math.ceil(settings.connectTimeoutMs / 1000)),
    ServerAliveInterval: '5',
    ServerAliveCountMax: '3',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    ClearAllForwardings: 'yes',
    PermitLocalCommand: 'no',
    RequestTTY: 'no',
  };
  return [
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...(target.user === null ? [] : ['-l', target.user]),
    ...(target.port === null ? [] : ['-p', String(target.port)]),
    ...(target.identityFile === null ? [] : ['-i', target.identityFile]),
  ];
}

function strictOptions(settings: SshSettings, target: Target): string[] {
  if (target.hostKeys.length === 0) {
    return ['-o', 'StrictHostKeyChecking=yes'];
  }
  return [
    ...['-o', 'StrictHostKeyChecking=yes', '-o', `HostKeyAlias=${aliasOf(target)}`],
    ...['-o', `UserKnownHostsFile="${knownHostsOf(settings, target)}" ${USER_KNOWN_HOSTS}`],
    ...['-o', 'UpdateHostKeys=no'],
  ];
}

/** The arguments that run one command on a host over its master connection. */
export function sshArguments(settings: SshSettings, target: Target, command: string): string[] {
  return ['-T', ...sessionArguments(settings, target, command)];
}

function sessionArguments(settings: SshSettings, target: Target, command: string): string[] {
  return [
    ...['-o', 'ControlMaster=no', '-o', `ControlPath=${socketOf(settings, target)}`],
    ...commonOptions(settings, target),
    ...strictOptions(settings, target),
    ...['--', target.address, command],
  ];
}

/** The arguments that run one command with pgctl's own stdin, stdout and stderr, over the same connection. */
export function attachArguments(
  settings: SshSettings,
  target: Target,
  given: { readonly command: string; readonly terminal: boolean },
): string[] {
  // What is said first counts: this comes before the options of every call. ERROR: no word on stderr at the end.
  const first = ['-o', `RequestTTY=${given.terminal ? 'force' : 'no'}`, '-o', 'LogLevel=ERROR'];
  return [...first, ...sessionArguments(settings, target, given.command)];
}

/**
 * Opens the master connection of a host and returns why it could not be, or null. It goes to the background
 * when it is up, and ends by itself after a minute without a session, should pgctl not live to close it.
 * Its words go to a file: in the background it would keep a pipe open for as long as it lives.
 *
 * @param signal ends the attempt
 */
export async function openMaster(
  settings: SshSettings,
  target: Target,
  signal: AbortSignal,
): Promise<string | null> {
  // At once, and not by and by: of a thousand hosts that is shorter than what waiting for it takes.
  if (!existsSync(settings.runDir)) mkdirSync(settings.runDir, { recursive: true, mode: 0o700 });
  writeFileSync(
    knownHostsOf(settings, target),
    target.hostKeys.map((key) => `${aliasOf(target)} ${key}\n`).join(''),
    { mode: 0o600 },
  );
  const log = join(settings.runDir, `${target.hostId}.log`);
  const result = await runChildToEnd(
    settings.program,
    [
      ...['-M', '-N', '-f', '-E', log],
      ...['-o', `ControlPath=${socketOf(settings, target)}`, '-o', 'ControlPersist=60'],
      ...commonOptions(settings, target),
      ...strictOptions(settings, target),
      ...['--', target.address],
    ],
    { ...settings, limitMs: settings.connectTimeoutMs + 10_000, signal },
  );
  if (result.exitCode === 0) return null;
  if (signal.aborted) return 'the attempt was given up';
  if (result.code === 'ENOENT') return `the program ${settings.program} was not found`;
  if (result.code !== undefined)
    return `the program ${settings.program} could not be started (${result.code})`;
  const words = await readFile(log, 'utf8').catch(() => '');
  return words.trim() || `ssh to ${target.address} failed with ${howItEnded(result)}`;
}

/** Closes it. */
export const closeMaster = (settings: SshSettings, target: Target): Promise<void> =>
  endMaster(socketOf(settings, target));

/** A host's key as it showed it before anybody logged in. */
export interface OfferedKey {
  /** As in a known_hosts line without its first column. */
  readonly key: string;
}

/**
 * Asks a host for its key, through the user's own configuration and jump hosts, without logging in: a first
 * contact into a known_hosts file of its own. Returns why not where there is none.
 */
export async function fetchHostKey(
  settings: SshSettings,
  target: Target,
): Promise<OfferedKey | { readonly reason: string }> {
  await mkdir(settings.runDir, { recursive: true, mode: 0o700 });
  const file = join(settings.runDir, `${target.hostId}.offered`);
  await rm(file, { force: true });
  const { execa } = await import('execa');
  const result = await execa(
    settings.program,
    [
      ...['-T', '-o', 'ControlMaster=no', '-o', 'ControlPath=none', '-o', 'StrictHostKeyChecking=accept-new'],
      ...[
        '-o',
        `UserKnownHostsFile="${file}"`,
        '-o',
        'GlobalKnownHostsFile=/dev/null',
        '-o',
        'HashKnownHosts=no',
      ],
      ...['-o', `HostKeyAlias=${aliasOf(target)}`, '-o', 'PreferredAuthentications=none'],
      ...commonOptions(settings, target),
      ...['--', target.address, 'true'],
    ],
    {
      stdin: 'ignore',
      reject: false,
      detached: true,
      cleanup: false,
      timeout: settings.connectTimeoutMs + 5_000,
    },
  );
  const line = await readFile(file, 'utf8').catch(() => '');
  await rm(file, { force: true });
  const key = line.trim().split('\n')[0]?.split(' ').slice(1).join(' ') ?? '';
  if (key !== '') return { key };
  return { reason: result.stderr.trim() || `no answer within ${settings.connectTimeoutMs / 1000} s` };
}
