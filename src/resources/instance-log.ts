import type { Resource } from '../plan/resource.ts';
import type { ScriptStep } from '../steps/step.ts';
import type { ProcessAttributes } from './process.ts';
import { attributesOf } from './type.ts';
import { unitName } from './unit.ts';

/** How much of a log is read. */
export interface LogWindow {
  /** Of its end, in lines. */
  readonly lines: number;
  /** Go on with what comes, until the step is ended from outside. */
  readonly follow: boolean;
}

// All fields in full: a line of Postgres may hold what the journal would otherwise call a blob.
const JOURNAL = `
unit=$1 lines=$2 follow=$3
exec journalctl --quiet --no-pager --all --output=short-iso --lines="$lines" \${follow:+--follow} --unit="$unit"
`;

// By its name, so that a log that is made anew is followed as well. tail would complain of one that is not there.
const FILE = `
log=$1/patroni.log lines=$2 follow=$3
if [ -n "$follow" ]; then exec tail --quiet --lines="$lines" --follow=name --retry "$log" 2>/dev/null; fi
[ ! -e "$log" ] || exec tail --quiet --lines="$lines" "$log"
`;

/** What an instance's Patroni and Postgres said, a line each; null where nothing was made yet that could run it. */
export function instanceLogStep(
  instanceId: string,
  resources: readonly Resource[],
  { lines, follow }: LogWindow,
): ScriptStep | null {
  const find = (type: string): Resource | undefined =>
    resources.find((resource) => resource.type === type && resource.id === instanceId);
  const window = [String(lines), follow ? 'yes' : ''];
  const unit = unitName(instanceId);
  if (find('unit') !== undefined) {
    const args = [unit, ...window];
    return { kind: 'script', name: `read the log of ${unit}`, script: JOURNAL, args, account: 'admin' };
  }
  const process = find('process');
  if (process === undefined) return null;
  const { dir } = attributesOf<ProcessAttributes>(process);
  const args = [dir, ...window];
  return { kind: 'script', name: `read ${dir}/patroni.log`, script: FILE, args, account: 'postgres' };
}
