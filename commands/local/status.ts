import { lookAtLocalEtcd } from '../../src/steps/local-etcd.ts';
import type { LocalDocument } from '../../src/ui/documents.ts';
import { showLocal } from '../../src/ui/views.ts';
import type { App } from '../shared/app.ts';
import type { CommandModule } from '../shared/command.ts';
import { etcdDir, readLocalState, runHere } from './machine.ts';

/** What runs of pgctl's own on this machine. */
export async function localDocument(app: App): Promise<LocalDocument> {
  const state = await readLocalState(app);
  if (state === null) return { kind: 'Local', etcd: 'absent', endpoint: null, hosts: [], databases: [] };
  const alive = (await runHere(app, [lookAtLocalEtcd(etcdDir(app))])) === 'up';
  if (!alive) return { kind: 'Local', etcd: 'down', endpoint: state.endpoint, hosts: [], databases: [] };
  const store = await app.store();
  const [hosts, databases] = await Promise.all([store.hosts.list(), store.databases.list()]);
  return {
    kind: 'Local',
    etcd: 'up',
    endpoint: state.endpoint,
    hosts: hosts.items.filter(({ value }) => value.address === 'local').map(({ value }) => value.host_id),
    databases: databases.items.map(({ value }) => value.database_id),
  };
}

export const command: CommandModule = {
  configure: (command) => void command.addHelpText('after', '\nExample:\n  pgctl local status'),
  async run(app) {
    app.ui.result(await localDocument(app), showLocal);
  },
};
