import { assertNever } from '../errors.ts';
import { numberedLine } from './frames.ts';
import { quoteShell } from './quote.ts';
import { type HostStep, revealText, type StepOutput, type Text } from './step.ts';

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

const WRITE_FILE = `
path=$1 mode=$2 owner=$3
new=$path.pgctl-new
rm -f -- "$new"
( umask 077; cat > "$new" )
if [ "$(id -u)" = 0 ]; then chown -- "$owner" "$new"; fi
chmod -- "$mode" "$new"
sync -- "$new"
mv -f -T -- "$new" "$path"
`;

// What it waits for is said while it waits, every other second at most: a copy of terabytes must not fill what
// a job may print. The last words of the script go to its own stderr, so a stall says what it was waiting for;
// then the script is asked once more, to say what else is known.
const WAIT = `
stall=$1 script=$2; shift 2
last= since=$(date +%s) said= told=0 turn=0
while :; do
  rc=0; now=$(PGCTL_TURN=$turn PGCTL_LAST=$last sh -euc "$script" pgctl "$@") || rc=$?
  case $rc in
    0) printf '%s\\n' "$now"; exit 0 ;;
    ${STEP_EXIT.notYet}) ;;
    *) printf '%s\\n' "$now" >&2; exit "$rc" ;;
  esac
  t=$(date +%s)
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
  if [ "$turn" -lt 100 ]; then sleep 0.1; else sleep 0.3; fi
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

function renderStep(step: HostStep, runUser: string): Rendered {
  switch (step.kind) {
    case 'script':
      return { account: step.account, script: step.script, args: step.args, stdin: step.stdin ?? '' };
    case 'file':
      return {
        account: 'admin',
        script: WRITE_FILE,
        args: [step.path, step.mode, step.owner === 'postgres' ? `${runUser}:` : 'root:'],
        stdin: step.content,
      };
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
// many hosts on one machine, and what forks around each of them would be most of what they do.
const PRELUDE = `
pg_me=
PGCTL_SAYS="$pg_nonce says"
export PGCTL_SAYS
pgctl_step() {
  pg_i=$1 pg_account=$2 pg_script=$3 pg_coding=$4 pg_stdin=$5; shift 5
  printf '\\n%s begin %s\\n' "$pg_nonce" "$pg_i"
  pg_rc=0
  set -- sh -euc "$pg_script" pgctl "$@"
  if [ "$pg_account" = postgres ]; then
    [ -n "$pg_me" ] || pg_me=$(id -un)
    [ "$pg_me" = "$pg_user" ] || set -- runuser -u "$pg_user" -- "$@"
  fi
  case $pg_coding in
    none) "$@" < /dev/null || pg_rc=$? ;;
    plain) printf %s "$pg_stdin" | "$@" || pg_rc=$? ;;
    base64) printf %s "$pg_stdin" | base64 -d | "$@" || pg_rc=$? ;;
  esac
  printf '\\n%s end %s %s\\n' "$pg_nonce" "$pg_i" "$pg_rc"
  [ "$pg_rc" = 0 ] || exit "$pg_rc"
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
    const { account, script, args, stdin } = renderStep(step, options.runUser);
    const words = [script, ...codedStdin(revealText(stdin)), ...args].map(quoteShell);
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
