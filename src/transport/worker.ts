import { numberedLine } from '../steps/frames.ts';

/**
 * The worker: what runs on a host around every job. It is the same for a remote host and for this machine.
 *
 * The command that starts it is constant. Everything else comes over stdin: one line with the worker's own
 * program, and then for one job after another a line with its header, its script, and a heartbeat line every few
 * seconds. So nothing of a job shows in an argument list, and it does not matter what the login shell is, as long
 * as it can run `sh` with one single-quoted word.
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
 * one that waits that long for its job's script does not begin it. As long it waits for another job.
 */
export const HEARTBEAT_INTERVAL_MS = 5_000;
const HEARTBEAT_LIMIT_S = 20;

/** Exit status with which the worker says that a newer operation was here before. */
export const FENCED_STATUS = 76;

/**
 * The worker's program.
 *
 * It takes jobs one at a time, and holds nothing between them: to begin a worker costs a host more than what is around
 * a job. It ends when its stdin does, when no job has come for 20 s, and when one's script did not arrive: what comes
 * after that may be the rest of it.
 *
 * Fence: the host keeps the highest token it has seen per store and database and refuses a lower one. A job
 * holds the fence's `.run` file shared while it runs; a higher token ends the lower ones' jobs by process
 * group, and waits for them by taking the file exclusively, before it is written. A job's group is noted with
 * when it began: where the host was switched off in the middle, its number may be a stranger's by now. The token
 * is written over the one before, which a full disk allows as well; where it cannot be kept, nothing runs.
 *
 * The job runs in a session of its own, so that it can be ended as a group. What ends it: stdin closing (the
 * connection is gone, or pgctl is), or no heartbeat for 20 s (a cut link closes nothing). A background job's
 * stdin is /dev/null, hence the copy on descriptor 3. Whoever looks for heartbeats is killed before the
 * result is said: it would take the next job's header.
 *
 * What the shell does itself is not left to a program: on a host with many instances, and in a lab of many hosts,
 * the processes around a job would be more than those of the job.
 *
 * The job is over when its whole group is: what it left running would hold its stdout open, and a newer
 * operation would begin beside it. A job's daemons have sessions of their own. Its result is said on stdout and on
 * stderr: neither says of the other that all of it has come.
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
cut_off=
say() { printf '\\n%s %s\\n' "$nonce" "$1"; }
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
enter() {
  # The base directory is for others to pass through, the fences are not.
  if [ ! -d "\${fence%/*}" ]; then
    mkdir -p "\${fence%/.fence/*}" && ( umask 077; mkdir -p "\${fence%/*}" ) || return 73
  fi
  exec 8>>"$fence.lock" 9>>"$fence.run"
  flock 8
  seen=
  { read -r seen < "$fence"; } 2>/dev/null
  seen=\${seen:-0}
  if [ "$token" -lt "$seen" ]; then say "seen $seen"; return ${FENCED_STATUS}; fi
  if [ "$token" -gt "$seen" ]; then
    end_jobs TERM
    if ! flock -w 10 9; then end_jobs KILL; flock 9; fi
    rm -f "$fence".job.*
    printf '%s\\n' "$token" 1<>"$fence" || return 73
  fi
  flock -s 9
}
until_gone() {
  n=0; while kill -s 0 -- "-$job" 2>/dev/null && [ $n -lt "$1" ]; do sleep 0.1; n=$((n + 1)); done
}
work() {
  if [ "$fence" != - ]; then enter || return; fi
  say ready
  script=$(timeout ${HEARTBEAT_LIMIT_S} head -c "$length")
  if [ "\${#script}" -ne "$length" ]; then echo 'what was to be run did not arrive' >&2; cut_off=yes; return 65; fi
  exec 3<&0
  printf '%s' "$script" | base64 -d | setsid sh -s 3<&- 8>&- 9>&- &
  job=$!
  script=
  if [ "$fence" != - ]; then began "$job"; printf %s "$began" > "$fence.job.$job"; exec 8>&-; fi
  setsid sh -c '
    while timeout --foreground ${HEARTBEAT_LIMIT_S} sh -c "IFS= read -r w"; do :; done
    kill -s TERM -- "-$1"; sleep 5; kill -s KILL -- "-$1"
  ' worker "$job" <&3 >/dev/null 2>&1 8>&- 9>&- &
  watch=$!
  exec 3<&-
  wait "$job"
  status=$?
  # Itself first: it can start nothing more then, and where it has no group yet it has started nothing.
  kill -s KILL "$watch" 2>/dev/null
  kill -s KILL -- "-$watch" 2>/dev/null
  wait "$watch" 2>/dev/null
  kill -s TERM -- "-$job" 2>/dev/null
  until_gone 50
  kill -s KILL -- "-$job" 2>/dev/null
  until_gone 20
  if [ "$fence" != - ]; then rm -f "$fence.job.$job"; fi
  return "$status"
}
line=
while [ -z "$line" ]; do IFS= read -r line || exit 0; done
while :; do
  nonce=\${line%% *}
  line=\${line#* }
  length=\${line%% *}
  line=\${line#* }
  fence=\${line% *}
  token=\${line##* }
  say there
  work
  result=$?
  exec 8>&- 9>&-
  say "result $result" >&2
  say "result $result"
  [ -z "$cut_off" ] || exit 0
  line=$(timeout ${HEARTBEAT_LIMIT_S} sh -c '
    while IFS= read -r w; do if [ -n "$w" ]; then printf %s "$w"; exit 0; fi; done
    exit 1
  ') || exit 0
done
`;

/** Where a job stands among the operations of its database; null for jobs that only read. */
export interface Fence {
  /** Absolute path of the fence file on the host. */
  readonly path: string;
  /** The lock's token: a decimal number that grows with every operation. */
  readonly token: string;
}

/** What is sent first of all: the worker's own program. */
export const WORKER_PROGRAM = `${Buffer.from(PROGRAM, 'utf8').toString('base64')}\n`;

/**
 * What is sent of a job at once. It begins with an empty line, as a heartbeat is: whoever looked for those of the job
 * before was killed, and a process that waits at a pipe may take one more byte of it before it is gone.
 */
export function workerHeader(job: {
  readonly nonce: string;
  readonly script: string;
  readonly fence: Fence | null;
}): string {
  const fence = job.fence === null ? '- 0' : `${job.fence.path} ${job.fence.token}`;
  return `\n${job.nonce} ${encodedLength(job.script)} ${fence}\n`;
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

/** The job's exit status, or null where the worker has not said so; `at` is where what the job itself said ends. */
export function resultOf(
  output: string,
  nonce: string,
): { readonly status: number; readonly at: number } | null {
  const line = numberedLine(output, `${nonce} result`);
  return line === null ? null : { status: Number(line.number), at: line.at };
}
