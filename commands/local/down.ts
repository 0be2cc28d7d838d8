import { rm } from 'node:fs/promises';
import { PgctlError } from '../../src/errors.ts';
import { stopProcessStep } from '../../src/resources/process.ts';
import { lookAtLocalEtcd, purgeLocalEtcd, removeBaseDir, stopLocalEtcd } from '../../src/steps/local-etcd.ts';
import { showLocal } from '../../src/ui/views.ts';
import type { App } from '../shared/app.ts';
import type { CommandModule } from '../shared/command.ts';
import { localEtcdFile } from '../shared/paths.ts';
import { etcdDir, readLocalState, runHere, localDocument } from '../shared/local-machine.ts';

/** Stops the instances of local hosts; their data and records stay. */
async function stopInstances(app: App): Promise<void> {
  const store = await app.store();
  const [instances, hosts] = await Promise.all([store.instances.list(), store.hosts.list()]);
  for (const { value: instance } of instances.items) {
    const host = hosts.items.find(({ value }) => value.host_id === instance.host_id)?.value;
    if (host?.address !== 'local' || host.service_manager !== 'process') continue;
    await runHere(
      app,
      [stopProcessStep(instance.instance_id, `${host.base_dir}/${instance.instance_id}`)],
      host,
    );
  }
}

/** Everything that `--purge` removes must be pgctl's own and empty of data: databases are deleted by `db delete`. */
async function assertNoDatabases(app: App): Promise<void> {
  const { items } = await (await app.store()).databases.list();
  const [first] = items;
  if (first === undefined) return;
  const names = items.map(({ value }) => value.database_id).join(', ');
  throw new PgctlError('usage', `the local etcd still knows databases: ${names}`, {
    hint: `Delete them first, such as with \`pgctl db delete ${first.value.database_id}\`.`,
  });
}

/** Base directories of the hosts that `local up` made; without databases they hold only fences. */
async function localBaseDirs(app: App): Promise<string[]> {
  const { items } = await (await app.store()).hosts.list();
  return items
    .map(({ value }) => value)
    .filter(
      ({ address, service_manager, host_id }) =>
        address === 'local' && service_manager === 'process' && host_id.startsWith('local-'),
    )
    .map(({ base_dir }) => base_dir);
}

export const command: CommandModule = {
  configure: (command) =>
    void command
      .option('--purge', 'remove the local etcd as well; there must be no database left in it')
      .addHelpText('after', '\nExample:\n  pgctl local down --purge'),
  async run(app, _args, options) {
    const state = await readLocalState(app);
    if (state !== null) {
      const up = (await runHere(app, [lookAtLocalEtcd(etcdDir(app))])) === 'up';
      if (options.purge === true && !up) {
        throw new PgctlError(
          'usage',
          'the local etcd does not run, so nobody can say whether databases are left',
          {
            hint: 'Start it with `pgctl local up` first.',
          },
        );
      }
      if (options.purge === true) await assertNoDatabases(app);
      const baseDirs = options.purge === true ? await localBaseDirs(app) : [];
      if (up) await stopInstances(app);
      await runHere(app, [stopLocalEtcd(etcdDir(app))]);
      if (options.purge === true) {
        await runHere(app, [purgeLocalEtcd(etcdDir(app)), ...baseDirs.map(removeBaseDir)]);
        await rm(localEtcdFile(app.env), { force: true });
      }
    }
    app.ui.result(await localDocument(app), showLocal);
  },
};
