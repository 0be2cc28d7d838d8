import { PgctlError } from '../../src/errors.ts';
import type { CommandModule } from '../shared/command.ts';
import { readDatabases } from '../shared/fleet.ts';
import { requireInstancePlace } from '../shared/instance-place.ts';
import { psqlInstance } from '../shared/psql-instance.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<database>', 'id of the database')
      .argument('[psql-arguments...]', 'for psql, as they are; put them behind --')
      .option('--instance <instance>', 'on this instance instead of the primary')
      .addHelpText(
        'after',
        [
          '\npsql runs on the host as the superuser, and its exit status is that of pgctl.',
          '\nExamples:',
          '  pgctl db psql shop',
          "  pgctl db psql shop -- -Atc 'select count(*) from orders'",
          '  pgctl db psql shop -- -v ON_ERROR_STOP=1 < migration.sql',
        ].join('\n'),
      ),
  async run(app, [database = '', ...args], { instance }) {
    if (app.globals.output !== 'text') {
      throw new PgctlError('usage', `--output: db psql has no ${app.globals.output}`, {
        hint: "What psql prints is the result; psql's own --csv and --tuples-only are behind --.",
      });
    }
    const asked = { database, instance: instance as string | undefined };
    const found = psqlInstance(await readDatabases(app), asked);
    const { host, resources, databaseName } = await requireInstancePlace(app, found);
    const server = resources.find(({ type, id }) => type === 'instance' && id === found.instance_id);
    if (server === undefined || databaseName === null) {
      throw new PgctlError('operation_failed', `there is no server of ${found.instance_id} yet`, {
        hint: `See \`pgctl db get ${database}\`.`,
      });
    }
    const { stdin, stdout, stderr } = app.io;
    const [{ runPsql }, { serverOf }, transport] = await Promise.all([
      import('../../src/executor/psql-session.ts'),
      import('../../src/resources/instance.ts'),
      app.transport(),
    ]);
    const passed = await runPsql({
      transport,
      host,
      connection: serverOf(server, databaseName),
      args,
      // With a redirected one a terminal on the host would mix what psql keeps apart.
      terminal: [stdin, stdout, stderr].every(({ isTTY }) => isTTY === true),
      limitMs: app.globals.timeoutMs,
    });
    return { passed };
  },
};
