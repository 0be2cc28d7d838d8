import { quoteShell } from './quote.ts';
import type { SqlConnection } from './step.ts';

/** A psql that somebody sits at, or a script talks to. */
export interface PsqlSession {
  readonly connection: SqlConnection;
  /** The account that peer authentication lets in as the superuser. */
  readonly runUser: string;
  /** What the session is known by in pg_stat_activity. */
  readonly applicationName: string;
  /** For psql, behind pgctl's own: they can override those. */
  readonly args: readonly string[];
}

// Unlike a step this keeps stdin, the terminal and psql's exit status for psql. The login shell's surroundings
// are replaced by the worker's; HOME is the account's, for psql's history and ~/.psqlrc.
const PSQL = `
user=$1 bin=$2 socket=$3 port=$4 database=$5 PGAPPNAME=$6; shift 6
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C.UTF-8 PGAPPNAME
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGSERVICE PGPASSWORD PGPASSFILE PGOPTIONS
cd /
set -- "$bin/psql" --username=postgres --host="$socket" --port="$port" --dbname="$database" "$@"
if [ "$(id -un)" = "$user" ]; then exec "$@"; fi
HOME=$(getent passwd "$user" | cut -d : -f 6)
export HOME
exec runuser -u "$user" -- "$@"
`;

/** The session as shell text that becomes psql. */
export function psqlScript({ connection, runUser, applicationName, args }: PsqlSession): string {
  const { bin_dir, socket_dir, port, database } = connection;
  const words = [runUser, bin_dir, socket_dir, String(port), database, applicationName, ...args];
  return `set -- ${words.map(quoteShell).join(' ')}\n${PSQL}`;
}
