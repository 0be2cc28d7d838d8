import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../../lab/lab.ts';

/**
 * The three instances that pgctl makes, to be made by other means as well: the same files, the same units. Postgres's
 * programs are its own, as whoever writes a Patroni configuration has them: that Patroni's look at a starting Postgres
 * takes no second (`IS_READY`) is what pgctl does about a create.
 */
export interface Installation {
  readonly scope: string;
  readonly port: number;
  /** Of the instance on a host. */
  readonly dir: (host: string) => string;
  readonly unit: (host: string) => string;
  /** Holds `<host>/` with an instance's files and `<host>.service`. */
  readonly files: string;
  /** A shell script that is true when the instance on its host accepts connections and, as a replica, streams. */
  readonly ready: string;
  /** Ends the postmaster of a unit that was stopped: Debian's units leave it running, and so do pgctl's. */
  readonly stopped: (host: string) => string;
  readonly psql: string;
}

const BASE = '/var/lib/pgctl';

/** Takes the files of a database of one node from its hosts, while it is there. */
export async function installationOf(
  lab: Lab,
  {
    id,
    port,
    binDir,
    socketDir,
  }: { readonly id: string; readonly port: number; readonly binDir: string; readonly socketDir: string },
): Promise<Installation> {
  const scope = `${id}.n1`;
  const dir = (host: string): string => `${BASE}/${scope}.${host}`;
  const unit = (host: string): string => `pgctl-${scope}.${host}.service`;
  const files = join(lab.dir, 'files');
  await rm(files, { recursive: true, force: true });
  for (const host of lab.hosts) {
    const own = join(files, host.id);
    await mkdir(own, { recursive: true });
    for (const name of ['bin', 'prepare.json', 'patroni.yml']) {
      await cp(join(host.root, dir(host.id), name), join(own, name), { recursive: true });
    }
    await rm(join(own, 'bin/pg'), { recursive: true });
    const config = join(own, 'patroni.yml');
    const plain = (await readFile(config, 'utf8')).replace(
      `bin_dir: "${dir(host.id)}/bin/pg"`,
      `bin_dir: "${binDir}"`,
    );
    await writeFile(config, plain);
    const text = await readFile(join(host.root, 'etc/systemd/system', unit(host.id)), 'utf8');
    // Its guard would ask pgctl's own records, in which this instance is not.
    const unguarded = text.replace(/^ExecCondition=(.*) start$/m, 'ExecStartPre=$1 clean');
    await writeFile(join(files, `${host.id}.service`), unguarded);
  }
  const psql = `runuser -u postgres -- ${binDir}/psql -XAtq -h ${socketDir} -p ${port} -d postgres`;
  const streams =
    "select not pg_is_in_recovery() or exists (select from pg_stat_wal_receiver where status = 'streaming')";
  return {
    ...{ scope, port, dir, unit, files, psql },
    ready: `test "$(${psql} -c "${streams}" 2>/dev/null)" = t`,
    stopped: (host) => `runuser -u postgres -- ${binDir}/pg_ctl -D ${dir(host)}/data -m fast -w stop || true`,
  };
}
