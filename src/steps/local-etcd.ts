import type { ScriptStep } from './step.ts';

/** Where `local up` keeps its etcd, and where it listens. */
export interface LocalEtcd {
  /** Directory of its data, log and pid file. */
  readonly dir: string;
  readonly client_port: number;
  readonly peer_port: number;
}

// A pid is believed only where that process was started with this data directory: pids are used again.
const FIND = `
pgctl_etcd() {
  pid=$(cat "$dir/etcd.pid" 2>/dev/null) || return 1
  case $pid in ''|*[!0-9]*) return 1 ;; esac
  tr '\\0' '\\n' 2>/dev/null < "/proc/$pid/cmdline" | grep -qxF -- "--data-dir=$dir/data"
}
`;

const START = `
dir=$1 client=http://127.0.0.1:$2 peer=http://127.0.0.1:$3
${FIND}
if pgctl_etcd; then exit 0; fi
if ! command -v etcd >/dev/null 2>&1; then
  echo 'etcd is not installed on this machine (package etcd-server)' >&2; exit 1
fi
( umask 077; mkdir -p "$dir" )
setsid etcd --name=pgctl-local "--data-dir=$dir/data" \\
  "--listen-client-urls=$client" "--advertise-client-urls=$client" \\
  "--listen-peer-urls=$peer" "--initial-advertise-peer-urls=$peer" "--initial-cluster=pgctl-local=$peer" \\
  --auto-compaction-mode=periodic --auto-compaction-retention=1h --logger=zap --log-level=warn \\
  >> "$dir/etcd.log" 2>&1 < /dev/null &
echo $! > "$dir/etcd.pid"
sleep 0.3
if ! pgctl_etcd; then echo 'etcd did not start:' >&2; tail -n 5 "$dir/etcd.log" >&2; exit 1; fi
`;

const STOP = `
dir=$1
${FIND}
if pgctl_etcd; then
  kill -s TERM "$pid"
  n=0; while [ $n -lt 100 ] && pgctl_etcd; do sleep 0.1; n=$((n + 1)); done
  if pgctl_etcd; then kill -s KILL "$pid"; fi
fi
rm -f "$dir/etcd.pid"
`;

const ALIVE = `
dir=$1
${FIND}
if pgctl_etcd; then echo up; else echo down; fi
`;

const step = (name: string, script: string, args: readonly string[]): ScriptStep => ({
  kind: 'script',
  name,
  script,
  args,
  account: 'admin',
});

/** Starts it where it does not run. */
export const startLocalEtcd = (etcd: LocalEtcd): ScriptStep =>
  step('start the local etcd', START, [etcd.dir, String(etcd.client_port), String(etcd.peer_port)]);

export const stopLocalEtcd = (dir: string): ScriptStep => step('stop the local etcd', STOP, [dir]);

/** Prints `up` or `down`. */
export const lookAtLocalEtcd = (dir: string): ScriptStep => step('look at the local etcd', ALIVE, [dir]);

/** Removes its directory. */
export const purgeLocalEtcd = (dir: string): ScriptStep =>
  step(
    'remove the local etcd',
    'rm -rf --one-file-system "$1/data" "$1/etcd.log"; rmdir "$1" 2>/dev/null || :',
    [dir],
  );

/** Removes a local host's base directory, as far as nothing but fences is in it: they end with their store. */
export const removeBaseDir = (dir: string): ScriptStep =>
  step(
    `remove ${dir}`,
    'rm -rf -- "$1/.fence"; rmdir -p --ignore-fail-on-non-empty -- "$1" 2>/dev/null || :',
    [dir],
  );
