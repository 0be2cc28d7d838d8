import type { ScriptStep, WaitStep } from '../steps/step.ts';

/** How far an instance's data directory got, by its control file. */
export interface WalPosition {
  /** A postmaster runs in it. */
  readonly runs: boolean;
  readonly timeline: number;
  /** In bytes; of the last checkpoint, or where recovery has to come to. */
  readonly location: bigint;
}

// A replica's last position is where its recovery has to come to, a primary's is its last checkpoint.
const POSITION = `
dir=$1
bin=$(cat "$dir/bin/postgres-bin-dir" 2>/dev/null) || exit 0
if [ -e "$dir/data/postmaster.pid" ]; then echo runs; fi
"$bin/pg_controldata" "$dir/data" 2>/dev/null || :
`;

/** Looks at where an instance's data stands. Only reads. */
export const walPositionStep = (dir: string): ScriptStep => ({
  kind: 'script',
  name: `look at the data in ${dir}`,
  script: POSITION,
  args: [dir],
  account: 'postgres',
});

/** What `walPositionStep` printed; the very beginning where there is no data yet. */
export function readWalPosition(stdout: string): WalPosition {
  const field = (name: string): string => new RegExp(`^${name}: +(\\S+)$`, 'm').exec(stdout)?.[1] ?? '';
  const bytes = (location: string): bigint => {
    const [high, low] = location.split('/').map((part) => BigInt(`0x${part || '0'}`));
    return ((high ?? 0n) << 32n) + (low ?? 0n);
  };
  const checkpoint = bytes(field('Latest checkpoint location'));
  const recovery = bytes(field('Minimum recovery ending location'));
  return {
    runs: /^runs$/m.test(stdout),
    timeline: Number(field("Latest checkpoint's TimeLineID")),
    location: recovery > checkpoint ? recovery : checkpoint,
  };
}

/** Index of the one that is ahead of the others: the newest timeline, then the furthest position. */
export function newestOf(positions: readonly WalPosition[]): number {
  let newest = 0;
  positions.forEach((position, index) => {
    const best = positions[newest];
    if (best === undefined || position.timeline < best.timeline) return;
    if (position.timeline > best.timeline || position.location > best.location) newest = index;
  });
  return newest;
}

const AWAIT_PRIMARY = `
dir=$1
bin=$(cat "$dir/bin/postgres-bin-dir")
port=$(sed -n 4p "$dir/data/postmaster.pid" 2>/dev/null) || exit 75
if [ "$("$bin/psql" -XAtq -h "$dir" -p "$port" -U postgres -d postgres -c 'select pg_is_in_recovery()' 2>/dev/null)" = f ]
then exit 0; fi
exit 75
`;

/** Longer than the lease of a leader that a reboot ended, which has to run out first, in seconds. */
const LEADER_SECONDS = 60;

/** Waits until an instance is its node's primary. */
export const awaitPrimaryStep = (dir: string): WaitStep => ({
  kind: 'wait',
  name: `wait for ${dir} to become primary`,
  script: AWAIT_PRIMARY,
  args: [dir],
  account: 'postgres',
  stallSeconds: LEADER_SECONDS,
});
