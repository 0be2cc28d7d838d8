import type { HostFacts } from '../records/types.ts';
import { Secret } from '../secret.ts';
import type { ScriptStep, StepOutput } from './step.ts';

// One fact a line, `name<TAB>value`. Only reads, needs no more than a shell and coreutils, and works for an
// account without rights, since what rights there are is one of the facts.
const FACTS = `
base=$1
fact() { printf '%s\\t%s\\n' "$1" "$2"; }
fact time "$(date +%s.%N)"
fact uid "$(id -u)"
fact user "$(id -un)"
fact home "$HOME"
if [ "$(id -u)" = 0 ]; then fact privileges root
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then fact privileges sudo
else fact privileges none; fi
fact os "$( [ -r /etc/os-release ] && . /etc/os-release; printf %s "\${PRETTY_NAME:-unknown}")"
fact kernel "$(uname -r)"
fact hostname "$(uname -n)"
fact machine_id "$(cat /etc/machine-id 2>/dev/null)"
fact cpus "$(getconf _NPROCESSORS_ONLN)"
fact memory_kib "$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)"
if [ -d /run/systemd/system ]; then fact systemd yes; else fact systemd no; fi
near=$base
while [ ! -d "$near" ] && [ "$near" != / ]; do near=$(dirname "$near"); done
fact disk "$(df -PB1 "$near" | awk 'NR == 2 { print $2, $4 }')"
if id postgres >/dev/null 2>&1; then fact postgres_home "$(getent passwd postgres | cut -d : -f 6)"; fi
for postgres in /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres /usr/local/pgsql/bin/postgres; do
  [ -x "$postgres" ] && [ -x "\${postgres%/*}/initdb" ] || continue
  fact postgres "$("$postgres" --version | sed -E 's/^[^0-9]*([0-9]+[0-9.]*[a-z0-9]*).*/\\1/') \${postgres%/*}"
done
patroni=$(command -v patroni || :)
if [ -n "$patroni" ]; then
  python=$(sed -n '1s/^#! *\\([^ ]*\\).*/\\1/p' "$patroni")
  [ "$python" = /usr/bin/env ] && python=$(command -v python3)
  version=$("$python" -c 'import patroni.version as v; print(v.__version__)' 2>/dev/null) || version=
  fact patroni "\${version:-?} $patroni $python"
fi
`;

/** Asks a host what it is and has. Runs without any rights; see `readHostFacts`. */
export function hostFactsStep(baseDir: string): ScriptStep {
  return { kind: 'script', name: 'gather facts', script: FACTS, args: [baseDir], account: 'admin' };
}

/** What the facts say beyond the record's: who pgctl is on that host. */
export interface ReadFacts {
  readonly facts: HostFacts;
  readonly loginUser: string;
  readonly loginHome: string;
  readonly hasPostgresUser: boolean;
}

/** pgctl's own clock around the step, in milliseconds since the epoch, and the time to record. */
export interface FactsClock {
  readonly before: number;
  readonly after: number;
  readonly now: string;
}

/** The facts of a host from the step's output; throws where the output is not that of the step. */
export function readHostFacts(output: StepOutput, clock: FactsClock): ReadFacts {
  const all = output.stdout.split('\n').map((line) => line.split('\t'));
  const one = (name: string): string => all.find(([key]) => key === name)?.[1]?.trim() ?? '';
  if (one('uid') === '') throw new Error('the host said nothing about itself');
  const privileges = one('privileges') as HostFacts['privileges'];
  const [total = '0', free = '0'] = one('disk').split(' ');
  const [patroniVersion = '', patroniPath = '', python = ''] = one('patroni').split(' ');
  const hasPostgresUser = one('postgres_home') !== '';
  const postgres = all
    .filter(([key]) => key === 'postgres')
    .map(([, value = '']) => value.split(' '))
    .map(([version = '', binDir = '']) => ({ version, bin_dir: binDir }))
    .sort((a, b) => Number.parseFloat(b.version) - Number.parseFloat(a.version));
  const midpoint = (clock.before + clock.after) / 2;
  return {
    loginUser: one('user'),
    loginHome: one('home'),
    hasPostgresUser,
    facts: {
      os: one('os'),
      kernel: one('kernel'),
      hostname: one('hostname'),
      machine_id: one('machine_id') || null,
      cpus: Number(one('cpus')) || 1,
      memory_bytes: (Number(one('memory_kib')) || 0) * 1024,
      disk_free_bytes: Number(free) || 0,
      disk_total_bytes: Number(total) || 0,
      privileges,
      run_user: privileges === 'none' ? one('user') : 'postgres',
      run_user_home: (privileges === 'none' ? one('home') : one('postgres_home')) || null,
      clock_skew_seconds: Math.round((Number(one('time')) * 1000 - midpoint) / 100) / 10,
      postgres,
      patroni: patroniPath === '' ? null : { version: patroniVersion, path: patroniPath, python },
      systemd: one('systemd') === 'yes',
      gathered_at: clock.now,
    },
  };
}

// Patroni's own Python, since that is what asks etcd later on; no proxy, for the same reason. The certificate
// and its key are read from memory: nothing of them is left on a host that may never get an instance.
const REACH_ETCD = `
import json, os, ssl, sys, urllib.error, urllib.request

tls = json.load(sys.stdin)
RANGE = json.dumps({"key": "AA=="}).encode()


def in_memory(text):
    fd = os.memfd_create("pgctl")
    os.write(fd, text.encode())
    return "/proc/self/fd/%d" % fd


def opener():
    context = ssl.create_default_context(cadata=tls.get("cacert"))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Patroni does not want that much of a CA
    if "cert" in tls:
        context.load_cert_chain(in_memory(tls["cert"]), in_memory(tls["key"]))
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


def ask(url):
    opener().open(url + "/version", timeout=5).read()
    if "cert" not in tls:
        return
    # With users, etcd takes no certificate that has a CommonName over this way, and that is Patroni's way.
    request = urllib.request.Request(url + "/v3/kv/range", RANGE, {"Content-Type": "application/json"})
    try:
        opener().open(request, timeout=5).read()
    except urllib.error.HTTPError as refusal:
        said = refusal.read().decode(errors="replace").strip()
        if refusal.headers.get_content_type() != "application/json":
            raise OSError("%s (%s)" % (said, refusal)) from None


for url in sys.argv[1:]:
    try:
        ask(url)
    except Exception as error:
        print("etcd at %s cannot be reached from there: %s" % (url, error))
`;

export interface ReachRequest {
  readonly python: string;
  readonly endpoints: readonly string[];
  /** What an etcd over TLS is reached with, in PEM: `cacert`, `cert` and `key`. */
  readonly tls: Readonly<Record<string, Secret>>;
}

/** Tries each endpoint from the host; prints a line for each that does not answer. */
export function reachEtcdStep({ python, endpoints, tls }: ReachRequest): ScriptStep {
  const contents = Object.entries(tls).map(([name, content]) => [name, content.reveal()]);
  return {
    kind: 'script',
    name: 'reach etcd',
    script: 'python=$1 program=$2; shift 2; exec "$python" -c "$program" "$@"',
    args: [python, REACH_ETCD, ...endpoints],
    stdin: new Secret(JSON.stringify(Object.fromEntries(contents))),
    account: 'admin',
  };
}

// Local addresses of listening TCP sockets, port in hex; state 0A is LISTEN.
const LISTENING = `cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { print $2 }'`;

/** Asks which ports something listens on. */
export const listeningPortsStep: ScriptStep = {
  kind: 'script',
  name: 'list ports in use',
  script: LISTENING,
  args: [],
  account: 'admin',
};

export function readListeningPorts(output: StepOutput): Set<number> {
  const ports = output.stdout
    .split('\n')
    .map((line) => Number.parseInt(line.split(':').at(-1) ?? '', 16))
    .filter((port) => port > 0);
  return new Set(ports);
}
