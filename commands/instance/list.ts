import { INSTANCE_STATES } from '../../src/records/states.ts';
import type { CommandModule } from '../shared/command.ts';
import { readDatabases } from '../shared/fleet.ts';
import { oneOf } from '../shared/globals.ts';
import { warnNearMiss } from '../shared/lookup.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .option('--database <database>', 'only instances of this database')
      .option('--host <host>', 'only instances on this host')
      .option('--state <state>', 'only instances in this state')
      .addHelpText('after', '\nExample:\n  pgctl instance list --host host-1'),
  async run(app, _args, { database, host, state }) {
    if (state !== undefined) oneOf(Object.keys(INSTANCE_STATES), state as string, '--state');
    const databases = await readDatabases(app);
    const ids = databases.map(({ id }) => id);
    warnNearMiss(app, { what: 'database', name: database as string | undefined, known: ids });
    const hosts = databases.flatMap(({ instances }) => instances.map(({ host_id }) => host_id));
    warnNearMiss(app, { what: 'host', name: host as string | undefined, known: hosts });
    const items = databases
      .flatMap(({ instances }) => instances)
      .filter((i) => database === undefined || i.database_id === database)
      .filter((i) => host === undefined || i.host_id === host)
      .filter((i) => state === undefined || i.state === state);
    await app.show({ kind: 'InstanceList', items }, (views) => views.showInstanceList);
  },
};
