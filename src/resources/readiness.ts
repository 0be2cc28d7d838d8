import { SLOW_TURN } from '../steps/render.ts';
import type { WaitStep } from '../steps/step.ts';
import { FIND_PATRONI } from './process.ts';
import { unitName } from './unit.ts';

/** An instance, as far as it takes to see whether it is ready. */
export interface Awaited {
  readonly instance_id: string;
  readonly manager: 'systemd' | 'process';
  readonly dir: string;
  readonly bin_dir: string;
  readonly socket_dir: string;
  readonly port: number;
}

/** How often data may be begun anew while an instance comes up, before that counts as a failure. */
const ATTEMPTS = 5;

/** How long nothing may change while an instance comes up, in seconds, before that counts as a failure. */
const STALL_SECONDS = 90;

// Ready is: a primary that accepts connections, or a replica that streams. What it prints until then is what
// counts as progress.
const READY = `
dir=$1 bin=$2 socket=$3 port=$4 manager=$5 unit=$6
${FIND_PATRONI}
words() {
  if [ "$manager" = systemd ]; then journalctl --quiet --no-pager --output=cat --lines="$1" --unit="$unit"
  else tail -n "$1" "$dir/patroni.log"; fi
}
# What copies of an earlier operation counted.
if [ "\${PGCTL_TURN-}" = 0 ] && [ -e "$dir/data.attempt" ]; then rm -f "$dir/data.attempt"; fi
export PGCONNECT_TIMEOUT=5
# Whoever starts needs the processor more than this does: nobody is asked before there is somebody.
if [ -e "$dir/data/postmaster.pid" ] && row=$("$bin/psql" -XAtq -h "$socket" -p "$port" -U postgres -d postgres -c "
  select case when not pg_is_in_recovery() then 'primary ' || version
              when exists (select from pg_stat_wal_receiver where status = 'streaming') then 'replica ' || version
              else 'waiting to stream from its primary, recovered to '
                || coalesce(pg_last_wal_replay_lsn()::text, '?') end
  from (select split_part(current_setting('server_version'), ' ', 1)) as server (version)" 2>/dev/null); then
  printf '%s\\n' "$row"
  case $row in primary*|replica*) exit 0 ;; *) exit 75 ;; esac
fi
# Looking at all of it takes longer than a turn, and from those who are starting: once a second, whatever a turn takes.
turn=\${PGCTL_TURN:-0} every=10
if [ "$turn" -ge ${SLOW_TURN} ]; then every=3; fi
if [ -z "\${PGCTL_STALLED-}" ] && [ $((turn % every)) != 0 ]; then printf '%s\\n' "\${PGCTL_LAST-}"; exit 75; fi
if [ "$manager" = systemd ]; then
  state=$(systemctl is-active "$unit" || :)
  case $state in active|activating|reloading|deactivating) ;; *)
    echo "$unit is $state:"; words 20; exit 1 ;;
  esac
elif ! pgctl_patroni; then
  echo "Patroni ended:"; words 20; exit 1
fi
if [ -n "\${PGCTL_STALLED-}" ]; then words 10; exit 75; fi
# Logs grow whether or not anything comes of it. A copy or an initdb that fails is begun anew, for ever: that changes
# the size, too, and is no progress. What was printed last says how much there was, and which attempt it is.
size=$(du -sk --exclude='*.log' "$dir" 2>/dev/null | cut -f 1) || :
size=$((\${size:-0} * 1024)) before=0 attempt=1
set -- \${PGCTL_LAST-}
case "\${1-}" in starting,|copying,) before=$2 ;; esac
case "\${PGCTL_LAST-}" in *'(attempt '*) attempt=\${PGCTL_LAST##*attempt } attempt=\${attempt%)} ;; esac
if [ $((size * 2)) -lt "$before" ]; then attempt=$((attempt + 1)); fi
# A copy says itself which one it is; of an initdb only its size tells.
said=$(head -n 1 "$dir/data.attempt" 2>/dev/null) || said=
case $said in ''|*[!0-9]*) ;; *) attempt=$said ;; esac
if [ "$attempt" -gt ${ATTEMPTS} ]; then
  words 10; echo "its data was begun anew ${ATTEMPTS} times, and did not become whole"; exit 1
fi
doing=starting total=
if [ -d "$dir/data.new" ]; then
  doing=copying total=$(head -n 1 "$dir/data.size" 2>/dev/null) || total=
  case $total in ''|*[!0-9]*) total= ;; *) total=" of $total" ;; esac
fi
[ "$attempt" = 1 ] && attempt= || attempt=" (attempt $attempt)"
echo "$doing, $size$total bytes of data$attempt"
exit 75
`;

/** Waits on an instance's own host until it is ready, or nothing more comes of it. */
export function awaitReady(a: Awaited): WaitStep {
  return {
    kind: 'wait',
    name: `wait for ${a.instance_id} to accept connections, and to stream if it is a replica`,
    script: READY,
    args: [a.dir, a.bin_dir, a.socket_dir, String(a.port), a.manager, unitName(a.instance_id)],
    account: 'admin',
    stallSeconds: STALL_SECONDS,
  };
}
