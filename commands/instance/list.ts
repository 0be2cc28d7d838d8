import { PgctlError } from '../../src/errors.ts';
import { INSTANCE_STATES } from '../../src/records/states.ts';
import { showInstanceList } from '../../src/ui/views.ts';
import type { CommandModule } from '../shared/command.ts';
import { readDatabases } from '../shared/fleet.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .option('--database <database>', 'only instances of this database')
      .option('--host <host>', 'only instances on this host')
      .option('--state <state>', 'only instances in this state')
      .addHelpText('after', '\nExample:\n  pgctl instance list --host host-1'),
  async run(app, _args, { database, host, state }) {
    if (state !== undefined && !Object.hasOwn(INSTANCE_STATES, state as string)) {
      throw new PgctlError(
        'usage',
        `--state: ${JSON.stringify(state)} is not one of ${Object.keys(INSTANCE_STATES).join(', ')}`,
      );
    }
    const items = (await readDatabases(app))
      .flatMap(({ instances }) => instances)
      .filter((i) => database === undefined || i.database_id === database)
      .filter((i) => host === undefined || i.host_id === host)
      .filter((i) => state === undefined || i.state === state);
    app.ui.result({ kind: 'InstanceList', items }, showInstanceList);
  },
};
