import type { CommandModule } from '../shared/command.ts';
import { warnCorrupt, warnNearMiss } from '../shared/lookup.ts';
import { taskDocument } from '../shared/task-document.ts';
import { wholeNumber } from '../shared/whole-number.ts';

const DEFAULT_LIMIT = '50';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .option('--database <database>', 'only tasks of this database')
      .option('-n, --limit <n>', 'how many, newest first', DEFAULT_LIMIT)
      .addHelpText('after', '\nExample:\n  pgctl task list --database shop'),
  async run(app, _args, options) {
    const limit = wholeNumber(String(options.limit), '--limit', { least: 1 });
    const store = await app.store();
    const database = options.database as string | undefined;
    const { items, corrupt } = await store.tasks.list(database === undefined ? limit : limit * 20);
    warnCorrupt(app, corrupt);
    const wanted = items.filter(({ value }) => database === undefined || value.databases.includes(database));
    if (database !== undefined && wanted.length === 0) {
      const known = (await store.databases.list()).items.map(({ value }) => value.database_id);
      warnNearMiss(app, { what: 'database', name: database, known });
    }
    const locks = await store.locks();
    await app.show(
      { kind: 'TaskList', items: wanted.slice(0, limit).map(({ value }) => taskDocument(value, locks)) },
      (views) => views.showTaskList,
    );
  },
};
