import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../../lab/lab.ts';
import { CANARY } from './world.ts';

export interface Wanted {
  readonly id: string;
  readonly hosts: readonly string[];
  readonly port: number;
  readonly parameters?: Readonly<Record<string, string | number>>;
}

/** Writes a spec whose one user has the canary for a password, and returns the file. */
export async function writeSpec(lab: Lab, { id, hosts, port, parameters = {} }: Wanted): Promise<string> {
  const network = `${lab.host('host-1').address.split('.').slice(0, 3).join('.')}.0/24`;
  const file = join(lab.dir, `${id}.json`);
  await writeFile(
    file,
    JSON.stringify({
      id,
      port,
      nodes: [{ name: 'n1', host_ids: hosts }],
      database_users: [{ username: 'app', password: CANARY, db_owner: true, attributes: ['LOGIN'] }],
      postgresql_conf: parameters,
      pg_hba_conf: [`host all app ${network} scram-sha-256`],
    }),
  );
  return file;
}
