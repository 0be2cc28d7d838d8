import type { HostStep, ScriptStep, StepOutput } from '../steps/step.ts';
import { linesOf, removeDirectoryStep, STAMP_FILE } from './directory.ts';
import { FIND_POSTMASTER } from './postmaster.ts';
import { FIND_PATRONI, stopProcessStep } from './process.ts';
import { removeUnitStep, UNIT_STAMP, unitName } from './unit.ts';

/** What pgctl's stamps say that it once made on a host, of one instance. */
export interface Leftover {
  readonly instance_id: string;
  readonly database_uid: string;
  /** Where its directory is, or would be. */
  readonly dir: string;
  readonly hasDirectory: boolean;
  readonly hasUnit: boolean;
  /** Its unit, its Patroni or its Postgres runs. */
  readonly running: boolean;
}

// One thing a line: what it is, instance, uid, directory, whether it runs. Only what bears a stamp, under the
// name that pgctl gives it: a copy that somebody made of a directory has a stamp too, and is theirs.
const LOOK = `
base=$1
said() { printf '%s\\t%s\\t%s\\t%s\\t%s\\n' "$@"; }
${FIND_POSTMASTER}
${FIND_PATRONI}
runs() { if pgctl_postmaster || pgctl_patroni; then echo yes; else echo no; fi; }
look() {
  dir=$1
  [ -d "$dir" ] && [ ! -L "$dir" ] && [ -f "$dir/${STAMP_FILE}" ] || return 0
  id= uid=; read -r id uid < "$dir/${STAMP_FILE}" || :
  if [ "\${dir##*/}" = "$id" ]; then said directory "$id" "$uid" "$dir" "$(runs)"; fi
}
for dir in "$base"/*; do look "$dir"; done
for unit in /etc/systemd/system/pgctl-*.service; do
  [ -f "$unit" ] && [ ! -L "$unit" ] || continue
  id= uid=; read -r id uid <<END || :
$(sed -n '1s/^${UNIT_STAMP} //p' "$unit")
END
  [ -n "$uid" ] && [ "\${unit##*/}" = "pgctl-$id.service" ] || continue
  dir=$(sed -n 's/^WorkingDirectory=//p' "$unit" | sed 's/%%/%/g')
  if systemctl is-active --quiet "pgctl-$id.service"; then active=yes; else active=$(runs); fi
  said unit "$id" "$uid" "$dir" "$active"
  if [ "\${dir%/*}" != "$base" ]; then look "$dir"; fi
done
`;

/** Looks for what bears pgctl's stamp on a host, under its base directory and where its units lead. */
export function lookForLeftoversStep(baseDir: string): ScriptStep {
  return {
    kind: 'script',
    name: 'look for what pgctl left',
    script: LOOK,
    args: [baseDir],
    account: 'admin',
  };
}

/** A directory that pgctl can have made; whatever else a file says is not believed. */
const PLAIN_PATH = /^(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/;
const UID = /^[A-Za-z0-9-]+$/;

/** The leftovers of a host of this id. What belongs to another host of the same machine is none of them. */
export function readLeftovers(output: StepOutput | undefined, host: string): readonly Leftover[] {
  const found = new Map<string, Leftover>();
  for (const line of linesOf(output?.stdout)) {
    const [kind, id = '', uid = '', dir = '', running] = line.split('\t');
    if (!id.endsWith(`.${host}`) || !UID.test(uid) || !PLAIN_PATH.test(dir) || !dir.endsWith(`/${id}`))
      continue;
    const key = `${id} ${uid} ${dir}`;
    const before = found.get(key);
    found.set(key, {
      instance_id: id,
      database_uid: uid,
      dir,
      hasDirectory: kind === 'directory' || before?.hasDirectory === true,
      hasUnit: kind === 'unit' || before?.hasUnit === true,
      running: running === 'yes' || before?.running === true,
    });
  }
  return [...found.values()];
}

// The instance's own guard, with the etcd that it was made for: that may be another than pgctl asks now.
const ASK_GUARD = `
if [ -x "$1/bin/prepare" ] && timeout 10 "$1/bin/prepare" guard 2>/dev/null; then echo lives; else echo may go; fi
`;

/** Asks, as the account whose files these are, whether the instance may still run where it was made for. */
export function askGuardStep({ instance_id, dir }: Leftover): ScriptStep {
  return {
    kind: 'script',
    name: `ask whether ${instance_id} is still in use`,
    script: ASK_GUARD,
    args: [dir],
    account: 'postgres',
  };
}

/** Whether the guard said yes. */
export const guardAllows = (output: StepOutput | undefined): boolean => output?.stdout.trim() === 'lives';

/** Stops and removes a leftover. Each part is left alone where its stamp is another's by then. */
export function removeLeftoverSteps(leftover: Leftover): readonly HostStep[] {
  const { instance_id, dir, hasDirectory, hasUnit } = leftover;
  return [
    ...(hasUnit ? [removeUnitStep(leftover)] : []),
    ...(hasDirectory
      ? [stopProcessStep(instance_id, dir), removeDirectoryStep({ ...leftover, path: dir })]
      : []),
  ];
}

/** What it is, in one line for people. */
export function leftoverText(leftover: Leftover): string {
  const { instance_id, database_uid, dir, hasDirectory, hasUnit, running } = leftover;
  const parts = [hasDirectory ? `directory ${dir}` : '', hasUnit ? `unit ${unitName(instance_id)}` : ''];
  const what = parts.filter((part) => part !== '').join(', ');
  return `${instance_id} of database uid ${database_uid}: ${what}${running ? '; it runs' : ''}`;
}
