import { assertNever } from '../errors.ts';
import { numberedLine } from './frames.ts';
import { quoteShell } from './quote.ts';
import { type FileStep, type HostStep, revealText, type StepOutput, type Text } from './step.ts';

/**
 * Every exit status that the shell text of this folder uses with a meaning of its own (from sysexits.h where
 * there is a fitting one).
 */
export const STEP_EXIT = {
  /** Something is there that is not pgctl's. */
  notOurs: 73,
  /** Not yet; only a wait step's script. */
  notYet: 75,
  /** A wait step saw no progress for too long. */
  stalled: 124,
} as const;

/** Turns of a wait that are a tenth of a second apart; those after them are three. */
export const SLOW_TURN = 100;

// What it waits for is said while it waits, every other second at most: a copy of terabytes must not fill what
// a job may print. The last words of the script go to its own stderr, so a stall says what it was waiting for;
// then the script is asked once more, to say what else is known. Whoever is waited for needs the processor: a turn
// starts no shell, and only some turns ask for the time.
const WAIT = `
stall=$1 script=$2; shift 2
last= since=$(date +%s) said= told=0 turn=0
t=$since
while :; do
  set +e
  now=$(set -eu; PGCTL_TURN=$turn PGCTL_LAST=$last; eval "$script")
  rc=$?
  set -e
  case $rc in
    0) printf '%s\\n' "$now"; exit 0 ;;
    ${STEP_EXIT.notYet}) ;;
    *) printf '%s\\n' "$now" >&2; exit "$rc" ;;
  esac
  if [ "$now" != "$last" ] || [ $((turn % 5)) = 4 ]; then t=$(date +%s); fi
  if [ "$now" != "$last" ]; then last=$now since=$t; fi
  if [ -n "\${PGCTL_SAYS-}" ] && [ "$now" != "$said" ] && [ $((t - told)) -ge 2 ]; then
    said=$now told=$t
    printf '\\n%s %s\\n' "$PGCTL_SAYS" "$(printf %s "$now" | head -n 1)"
  fi
  if [ $((t - since)) -ge "$stall" ]; then
    printf 'no progress for %s s: %s\\n' "$stall" "$now" >&2
    PGCTL_STALLED=1 sh -euc "$script" pgctl "$@" >&2 || :
    exit ${STEP_EXIT.stalled}
  fi
  turn=$((turn + 1))
  # What takes long need not be looked at so often.
  if [ "$turn" -lt ${SLOW_TURN} ]; then sleep 0.1; else sleep 0.3; fi
done
`;

// The statement of a failed command would go to the server's log otherwise, with the verifier in it.
const SQL = `
export PGOPTIONS='-c log_statement=none -c log_min_error_statement=panic -c log_min_duration_statement=-1'
export PGAPPNAME=pgctl PGCONNECT_TIMEOUT=10
unset PGHOST PGPORT PGUSER PGDATABASE PGSERVICE PGPASSWORD PGPASSFILE PGCTL_SAYS
exec "$1/psql" --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --username=postgres \\
  --host="$2" --port="$3" --dbname="$4" --file=-
`;

interface Rendered {
  readonly account: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly stdin: Text;
}

function renderStep(step: Exclude<HostStep, FileStep>): Rendered {
  switch (step.kind) {
    case 'script':
      return { account: step.account, script: step.script, args: step.args, stdin: step.stdin ?? '' };
    case 'sql':
      return {
        account: 'postgres',
        script: SQL,
        args: [
          step.connection.bin_dir,
          step.connection.socket_dir,
          String(step.connection.port),
          step.connection.database,
        ],
        stdin: step.sql,
      };
    case 'wait':
      return {
        account: step.account,
        script: WAIT,
        args: [String(step.stallSeconds), step.script, ...step.args],
        stdin: '',
      };
    default:
      return assertNever(step);
  }
}

// Scripts and arguments are no secrets and may stand in an argument list; stdin may hold some, and goes
// from a shell variable through the shell's own printf into a pipe (a here-document may become a file). stdout of a
// step is framed by lines that start with the nonce, since banners and rc files write there too. PGCTL_SAYS begins a
// line that is no output, but says what a step is waiting for.
//
// A step costs the host the process it runs in, and one more where it has a stdin: hosts run dozens of steps, often
// many hosts on one machine, and what forks around each of them would be most of what they do. A file needs no shell of
// its own: it is written whole beside its place, synced and renamed.
const PRELUDE = `
pg_me= pg_uid=
PGCTL_SAYS="$pg_nonce says"
export PGCTL_SAYS
pgctl_begin() {
  printf '\\n%s begin %s\\n' "$pg_nonce" "$1"
  pg_rc=0
}
pgctl_end() {
  printf '\\n%s end %s %s\\n' "$pg_nonce" "$1" "$pg_rc"
  [ "$pg_rc" = 0 ] || exit "$pg_rc"
}
pgctl_feed() {
  pg_coding=$1 pg_stdin=$2; shift 2
  case $pg_coding in
    none) "$@" < /dev/null || pg_rc=$? ;;
    plain) printf %s "$pg_stdin" | "$@" || pg_rc=$? ;;
    base64) printf %s "$pg_stdin" | base64 -d | "$@" || pg_rc=$? ;;
  esac
}
pgctl_step() {
  pg_i=$1 pg_account=$2 pg_coding=$3 pg_stdin=$4 pg_script=$5; shift 5
  pgctl_begin "$pg_i"
  set -- sh -euc "$pg_script" pgctl "$@"
  if [ "$pg_account" = postgres ]; then
    [ -n "$pg_me" ] || pg_me=$(id -un)
    [ "$pg_me" = "$pg_user" ] || set -- runuser -u "$pg_user" -- "$@"
  fi
  pgctl_feed "$pg_coding" "$pg_stdin" "$@"
  pgctl_end "$pg_i"
}
# install takes away what has that name, and nobody else can read what it makes before it has its mode and owner.
pgctl_write() {
  pg_new=$1.pgctl-new
  install -m "$2" \${3:+-o "$3"} -- /dev/stdin "$pg_new" && sync -- "$pg_new" && mv -f -T -- "$pg_new" "$1"
}
pgctl_file() {
  pg_i=$1 pg_coding=$2 pg_stdin=$3 pg_owner=$6
  pgctl_begin "$pg_i"
  [ -n "$pg_uid" ] || pg_uid=$(id -u)
  [ "$pg_uid" = 0 ] || pg_owner=
  pgctl_feed "$pg_coding" "$pg_stdin" pgctl_write "$4" "$5" "$pg_owner"
  pgctl_end "$pg_i"
}
`;

/** How a step's stdin is put into a word, and the word: no shell holds NUL, and not each every other byte. */
function codedStdin(text: string): readonly [coding: 'none' | 'plain' | 'base64', word: string] {
  if (text === '') return ['none', ''];
  if (/^[\t\n -~]*$/.test(text)) return ['plain', text];
  return ['base64', Buffer.from(text, 'utf8').toString('base64')];
}

/**
 * Steps as one shell script that runs them in order and stops at the first that fails. It holds secrets in
 * clear: it goes to a child's stdin and nowhere else.
 */
export function renderSteps(
  steps: readonly HostStep[],
  options: { readonly nonce: string; readonly runUser: string },
): string {
  const lines = steps.map((step, index) => {
    if (step.kind === 'file') {
      const owner = step.owner === 'postgres' ? options.runUser : 'root';
      const words = [...codedStdin(revealText(step.content)), step.path, step.mode, owner].map(quoteShell);
      return ['pgctl_file', String(index), ...words].join(' ');
    }
    const { account, script, args, stdin } = renderStep(step);
    const words = [...codedStdin(revealText(stdin)), script, ...args].map(quoteShell);
    return ['pgctl_step', String(index), account, ...words].join(' ');
  });
  return [
    `pg_nonce=${quoteShell(options.nonce)} pg_user=${quoteShell(options.runUser)}`,
    PRELUDE,
    ...lines,
    '',
  ].join('\n');
}

/**
 * The outputs of the steps that ran to their end, in order: as many as ran. What stands between the frames
 * (login banners) is dropped, and so is what the steps said while they ran.
 */
export function readOutputs(stdout: string, nonce: string): StepOutput[] {
  const outputs: StepOutput[] = [];
  let rest = stdout;
  for (let index = 0; ; index++) {
    const begin = `\n${nonce} begin ${index}\n`;
    const from = rest.indexOf(begin);
    if (from < 0) return outputs;
    const body = rest.slice(from + begin.length);
    const end = numberedLine(body, `${nonce} end ${index}`);
    if (end === null) return outputs;
    const printed = body.slice(0, end.at);
    outputs.push({ stdout: withoutSaid(printed, nonce), exitCode: Number(end.number) });
    rest = body.slice(end.at);
  }
}

function withoutSaid(printed: string, nonce: string): string {
  const begin = `\n${nonce} says `;
  return printed.includes(begin) ? printed.replace(new RegExp(`${begin}[^\n]*\n`, 'g'), '') : printed;
}
