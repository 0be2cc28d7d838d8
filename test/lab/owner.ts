import { mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { command } from './command.ts';

/**
 * Who made what. A test process can be killed at any time, so everything the lab makes carries its owner:
 * "<pid>-<start time>", where the start time tells a process from a later one with the same pid.
 */
function ownerOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may contain anything; count after it.
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return startTime === undefined ? undefined : `${pid}-${startTime}`;
  } catch {
    return undefined;
  }
}

/** This process, as owner. */
function self(): string {
  const owner = ownerOf(process.pid);
  if (owner === undefined) throw new Error('lab: needs /proc');
  return owner;
}

function isAlive(owner: string): boolean {
  return ownerOf(Number.parseInt(owner, 10)) === owner;
}

const OWNER = /^\d+-\d+/;

/** /var/tmp and not /tmp, which is often memory; three hosts with databases do not belong there. */
const SCRATCH = `/var/tmp/pgctl-lab-${process.getuid?.() ?? 0}`;

/** Makes a directory for this process to work in. */
export async function makeScratch(): Promise<string> {
  await mkdir(SCRATCH, { recursive: true, mode: 0o755 });
  return mkdtemp(join(SCRATCH, `${self()}-`));
}

/** Unmounts what is mounted below a scratch directory and removes it. */
export async function removeScratch(directory: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${directory}/`));
  // Later mounts may stand on earlier ones. Lazily: a process that is still dying may hold one.
  for (const path of mounts.reverse()) await command('umount', ['--lazy', path]);
  await command('rm', ['-rf', '--one-file-system', directory]);
  // The last one out; it fails while others have theirs.
  await rmdir(dirname(directory)).catch(() => undefined);
}

/** Removes the scratch directories of processes that are gone. */
export async function sweepScratch(): Promise<void> {
  for (const name of await readdir(SCRATCH).catch(() => [])) {
    const owner = OWNER.exec(name)?.[0];
    if (owner === undefined || isAlive(owner)) continue;
    // Of several processes that sweep at once, one succeeds in renaming it.
    const mine = join(SCRATCH, `${self()}-of-${name}`);
    const won = await succeeds(rename(join(SCRATCH, name), mine));
    if (won) await removeScratch(mine);
  }
}

function succeeds(operation: Promise<unknown>): Promise<boolean> {
  return operation.then(
    () => true,
    () => false,
  );
}

/** One directory per lab, named by its number, with one empty file, named by its owner. */
const CLAIMS = '/run/pgctl-lab';

/** Numbers of labs: the third byte of their networks, 198.18.<number>.0/24. */
const NUMBERS = 255;

/**
 * Takes a number that no other lab has and that `isFree` accepts. The claim appears by one rename of a
 * directory, which fails on one that is there, so two processes never get the same.
 */
export async function claimNumber(isFree: (number: number) => boolean): Promise<number> {
  await mkdir(CLAIMS, { recursive: true });
  const prepared = await mkdtemp(join(CLAIMS, '.new-'));
  await writeFile(join(prepared, self()), '');
  for (let attempt = 0; attempt < NUMBERS; attempt++) {
    // Not the lowest that is free: what has just been given back should not look as if it were in use.
    const number = 1 + ((process.pid + attempt) % NUMBERS);
    if (!isFree(number)) continue;
    try {
      await rename(prepared, join(CLAIMS, String(number)));
      return number;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  await rm(prepared, { recursive: true });
  throw new Error(`lab: all networks of 198.18.0.0/16 are taken`);
}

/** Gives a number back, once nothing of its lab is left. */
export async function releaseNumber(number: number): Promise<void> {
  await rm(join(CLAIMS, String(number)), { recursive: true, force: true });
}

/**
 * Takes over the numbers of labs whose process is gone. Renaming the owner's file is the takeover: of
 * several processes that sweep at once, one succeeds, and when that one dies too, it can be taken again.
 */
export async function takeOverDead(): Promise<number[]> {
  const taken: number[] = [];
  for (const name of await readdir(CLAIMS).catch(() => [])) {
    const directory = join(CLAIMS, name);
    const owner = (await readdir(directory).catch(() => [])).find((file) => OWNER.test(file));
    if (owner === undefined || isAlive(owner)) continue;
    const won = await succeeds(rename(join(directory, owner), join(directory, self())));
    if (!won) continue;
    if (/^\d+$/.test(name)) taken.push(Number(name));
    else await rm(directory, { recursive: true, force: true });
  }
  return taken;
}
