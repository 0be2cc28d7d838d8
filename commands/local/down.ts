import { rm } from 'node:fs/promises';
import { PgctlError } from '../../src/errors.ts';
import { stopProcessStep } from '../../src/resources/process.ts';
import { lookAtLocalEtcd, purgeLocalEtcd, removeBaseDir, stopLocalEtcd } from '../../src/steps/local-etcd.ts';
import { showLocal } from '../../src/ui/views.ts';
import type { App } from '../shared/app.ts';
import type { CommandModule } from '../shared/command.ts';
import { localEtcdFile } from '../shared/paths.ts';
import {
  etcdDir,
  type LocalInstance,
  localDocument,
  localInstances,
  readLocalState,
  runHere,
} from '../shared/local-machine.ts';

/**
 * Stops the instances of local hosts; their data and records stay. A primary goes last: were it first, its
 * replicas would take over one after another, each on a timeline of its own, while they are stopped too.
 */
async function stopInstances(app: App): Promise<void> {
  const { patroni } = await (await app.store()).readFleet();
  const all = await localInstances(app);
  const leads = ({ instance: { database_id, node_name, host_id } }: LocalInstance): boolean =>
    patroni.get(`${database_id}.${node_name}`)?.leader === host_id;
  const stop = ({ instance: { instance_id }, host }: LocalInstance): Promise<string> =>
    runHere(app, [stopProcessStep(instance_id, `${host.base_dir}/${instance_id}`)], host);
  await Promise.all(all.filter((each) => !leads(each)).map(stop));
  await Promise.all(all.filter(leads).map(stop));
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
