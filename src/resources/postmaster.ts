/**
 * Finds the postmaster that `$dir/data/postmaster.pid` names. Sets `$pid`, which is believed only where that
 * process runs in this data directory: pids are used again.
 */
export const FIND_POSTMASTER = `
pgctl_postmaster() {
  pid=$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null) || return 1
  case $pid in ''|*[!0-9]*) return 1 ;; esac
  [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$(readlink -f "$dir/data")" ]
}
`;

/**
 * Ends the postmaster and checks that it is gone. Patroni normally has stopped it; after a crash of Patroni, or
 * in a paused cluster, it outlives it.
 */
export const STOP_POSTMASTER = `${FIND_POSTMASTER}for signal in INT QUIT; do
  pgctl_postmaster || break
  kill -s "$signal" "$pid"
  n=0; while [ $n -lt 300 ] && pgctl_postmaster; do sleep 0.1; n=$((n + 1)); done
done
if pgctl_postmaster; then echo "the postmaster $pid of $dir does not end" >&2; exit 1; fi
`;

/**
 * Ends the postmaster at once, as a crash would: for data that is about to be removed, which needs no checkpoint
 * and nobody that has received all of it. To be run once nothing is left that would start it again.
 */
export const ABANDON_POSTMASTER = `${FIND_POSTMASTER}if pgctl_postmaster; then
  kill -s QUIT "$pid"
  n=0; while [ $n -lt 200 ] && pgctl_postmaster; do sleep 0.05; n=$((n + 1)); done
fi
`;
