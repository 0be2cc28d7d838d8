import { numberedLine } from '../steps/frames.ts';

/**
 * The worker: what runs on a host around every job. It is the same for a remote host and for this machine.
 *
 * The command that starts it is constant. Everything else comes over stdin: one line with the worker's own
 * program, one with the job's header, then the job's script, then a heartbeat line every few seconds. So
 * nothing of a job shows in an argument list, and it does not matter what the login shell is, as long as it
 * can run `sh` with one single-quoted word.
 */

const START = `sh -c 'IFS= read -r w && eval "$(printf %s "$w" | base64 -d)"'`;

/** How the worker becomes root: as the login user itself, or by sudo without a password. */
export const WORKER_COMMANDS = {
  root: `exec ${START}`,
  sudo: `exec sudo -n ${START}`,
  none: `exec ${START}`,
} as const;
export type Privileges = keyof typeof WORKER_COMMANDS;

/**
 * A heartbeat is sent this often, in milliseconds; a worker that misses them for HEARTBEAT_LIMIT_S ends its job, and
 * one that waits that long for its job's script does not begin it.
 */
export const HEARTBEAT_INTERVAL_MS = 5_000;
const HEARTBEAT_LIMIT_S = 20;

/** Exit status with which the worker says that a newer operation was here before. */
export const FENCED_STATUS = 76;

/**
 * The worker's program.
 *
 * Fence: the host keeps the highest token it has seen per store and database and refuses a lower one. A job
 * holds the fence's `.run` file shared while it runs; a higher token ends the lower ones' jobs by process
 * group, and waits for them by taking the file exclusively, before it is written. A job's group is noted with
 * when it began: where the host was switched off in the middle, its number may be a stranger's by now. The token
 * is written over the one before, which a full disk allows as well; where it cannot be kept, nothing runs.
 *
 * The job runs in a session of its own, so that it can be ended as a group. What ends it: stdin closing (the
 * connection is gone, or pgctl is), or no heartbeat for 20 s (a cut link closes nothing). A background job's
 * stdin is /dev/null, hence the copy on descriptor 3.
 *
 * What the shell does itself is not left to a program: on a host with many instances, and in a lab of many hosts,
 * the processes around a job would be more than those of the job.
 *
 * The job is over when its whole group is: what it left running would hold its stdout open, and a newer
 * operation would begin beside it. A job's daemons have sessions of their own.
 *
 * "there" goes out at once, "ready" when the fence is held and before the script is read: if it never arrives,
 * nothing ran. So the script itself says that pgctl is still alive when its turn has come; a worker that waited
 * for the fence longer than its pgctl lived, or whose link was cut meanwhile, gets none and starts nothing.
 * Nobody else is let in between the two, which takes the way to pgctl and back.
 */
const PROGRAM = `
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C.UTF-8
umask 022
cd /
IFS=' ' read -r nonce length fence token
say() { printf '\\n%s %s\\n' "$nonce" "$1"; }
finish() { say "result $1"; exit 0; }
say there
began() {
  stat=
  { IFS= read -r stat < "/proc/$1/stat"; } 2>/dev/null
  began=
  [ -n "$stat" ] || return 0
  set -- \${stat##*) }
  began=\${20-unknown}
}
end_jobs() {
  for old in "$fence".job.*; do
    [ -e "$old" ] || continue
    began "\${old##*.}"
    case $began in ''|"$(cat "$old")") kill -s "$1" -- "-\${old##*.}" 2>/dev/null ;; esac
  done
}
if [ "$fence" != - ]; then
  # The base directory is for others to pass through, the fences are not.
  if [ ! -d "\${fence%/*}" ]; then
    mkdir -p "\${fence%/.fence/*}" && ( umask 077; mkdir -p "\${fence%/*}" ) || finish 73
  fi
  exec 8>>"$fence.lock" 9>>"$fence.run"
  flock 8
  seen=
  { read -r seen < "$fence"; } 2>/dev/null
  seen=\${seen:-0}
  if [ "$token" -lt "$seen" ]; then say "seen $seen"; finish ${FENCED_STATUS}; fi
  if [ "$token" -gt "$seen" ]; then
    end_jobs TERM
    if ! flock -w 10 9; then end_jobs KILL; flock 9; fi
    rm -f "$fence".job.*
    printf '%s\\n' "$token" 1<>"$fence" || finish 73
  fi
  flock -s 9
fi
say ready
script=$(timeout ${HEARTBEAT_LIMIT_S} head -c "$length")
if [ "\${#script}" -ne "$length" ]; then echo 'what was to be run did not arrive' >&2; finish 65; fi
exec 3<&0
printf '%s' "$script" | base64 -d | setsid sh -s 3<&- 8>&- 9>&- &
job=$!
if [ "$fence" != - ]; then began "$job"; printf %s "$began" > "$fence.job.$job"; exec 8>&-; fi
setsid sh -c '
  while timeout ${HEARTBEAT_LIMIT_S} sh -c "IFS= read -r w"; do :; done
  kill -s TERM -- "-$1"; sleep 5; kill -s KILL -- "-$1"
' worker "$job" <&3 >/dev/null 2>&1 8>&- 9>&- &
watch=$!
wait "$job"
status=$?
kill -s KILL -- "-$watch" 2>/dev/null
kill -s TERM -- "-$job" 2>/dev/null
n=0; while kill -s 0 -- "-$job" 2>/dev/null && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
kill -s KILL -- "-$job" 2>/dev/null
n=0; while kill -s 0 -- "-$job" 2>/dev/null && [ $n -lt 20 ]; do sleep 0.1; n=$((n + 1)); done
if [ "$fence" != - ]; then rm -f "$fence.job.$job"; fi
finish "$status"
`;

const PROGRAM_LINE = `${Buffer.from(PROGRAM, 'utf8').toString('base64')}\n`;

/** Where a job stands among the operations of its database; null for jobs that only read. */
export interface Fence {
  /** Absolute path of the fence file on the host. */
  readonly path: string;
  /** The lock's token: a decimal number that grows with every operation. */
  readonly token: string;
}

/** What is sent at once. */
export function workerHeader(job: {
  readonly nonce: string;
  readonly script: string;
  readonly fence: Fence | null;
}): string {
  const fence = job.fence === null ? '- 0' : `${job.fence.path} ${job.fence.token}`;
  return `${PROGRAM_LINE}${job.nonce} ${encodedLength(job.script)} ${fence}\n`;
}

/** What is sent once the worker says that it is ready. */
export function workerBody(job: { readonly script: string }): string {
  return encoded(job.script);
}

/** Base64 makes four characters of every three bytes begun. */
const encodedLength = (script: string): number => 4 * Math.ceil(Buffer.byteLength(script, 'utf8') / 3);

const encoded = (script: string): string => Buffer.from(script, 'utf8').toString('base64');

/** Whether the worker said that it is there, or that it is ready for the script, by what it printed so far. */
export function hasSaid(stdout: string, nonce: string, what: 'there' | 'ready'): boolean {
  return stdout.includes(`\n${nonce} ${what}\n`);
}

/** The token for which a job was refused. */
export function seenToken(stdout: string, nonce: string): string {
  return numberedLine(stdout, `${nonce} seen`)?.number ?? '0';
}

/** The job's exit status, or null where the worker never said so. */
export function resultOf(stdout: string, nonce: string): number | null {
  const line = numberedLine(stdout, `${nonce} result`);
  return line === null ? null : Number(line.number);
}
