import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Finding } from '../../src/ui/documents.ts';
import type { App } from './app.ts';
import { contextFile } from './context-file.ts';
import { findingOf } from './doctor-finding.ts';

/** What package.json asks for; the program itself does not start with less. */
const LEAST_NODE = 20;
const WRITE_BY_OTHERS = 0o022;
const READ_BY_OTHERS = 0o044;

/** What is wrong on the machine that pgctl runs on. */
export async function clientFindings(app: App): Promise<readonly Finding[]> {
  const { problem } = app.settings;
  return [
    ...nodeFindings(process.versions.node),
    ...(await sshFindings(app)),
    ...(problem === null ? [] : [findingOf(problem, contextFile(app.env))]),
    ...(await fileFindings(contextFile(app.env), {
      forbidden: WRITE_BY_OTHERS,
      what: 'change where pgctl looks for etcd',
    })),
    ...(await secretFileFindings(app)),
  ];
}

function nodeFindings(version: string): readonly Finding[] {
  if (Number.parseInt(version, 10) >= LEAST_NODE) return [];
  return [
    {
      severity: 'error',
      subject: 'node',
      message: `Node.js is ${version}; pgctl needs ${LEAST_NODE} or newer`,
      remedy: 'Install a newer one.',
    },
  ];
}

/** The program that hosts are reached with, where PATH has it. */
async function sshFindings({ env }: App): Promise<readonly Finding[]> {
  const program = env.PGCTL_SSH || 'ssh';
  const places = program.includes('/')
    ? [program]
    : (env.PATH ?? '').split(delimiter).map((dir) => join(dir, program));
  for (const place of places) if (await isProgram(place)) return [];
  return [
    {
      severity: 'error',
      subject: program,
      message: 'there is no such program, and pgctl reaches hosts with it',
      remedy: 'On Debian: `apt install openssh-client`; or name another one in PGCTL_SSH.',
    },
  ];
}

const isProgram = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Files that hold what nobody else is to know. The sealing key's are looked at where it is read. */
async function secretFileFindings({ settings }: App): Promise<readonly Finding[]> {
  const files = ['key', 'etcd-password-file'].flatMap((name) => settings.get(name)?.value ?? []);
  const found = await Promise.all(
    files.map((file) =>
      fileFindings(file, { forbidden: READ_BY_OTHERS | WRITE_BY_OTHERS, what: 'log in to etcd as pgctl' }),
    ),
  );
  return found.flat();
}

async function fileFindings(
  file: string,
  { forbidden, what }: { readonly forbidden: number; readonly what: string },
): Promise<readonly Finding[]> {
  const mode = await stat(file).then(
    (stats) => stats.mode,
    () => null,
  );
  if (mode === null || (mode & forbidden) === 0) return [];
  return [
    {
      severity: 'warning',
      subject: file,
      message: `its mode is ${(mode & 0o777).toString(8).padStart(4, '0')}: others on this machine can ${what}`,
      remedy: `\`chmod 600 ${file}\``,
    },
  ];
}
