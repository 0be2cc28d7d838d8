import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PgctlError } from '../../src/errors.ts';
import { probeHost } from '../../src/executor/probe-host.ts';
import { startProcessStep } from '../../src/resources/process.ts';
import { listeningPortsStep, readListeningPorts } from '../../src/steps/host-facts.ts';
import { startLocalEtcd } from '../../src/steps/local-etcd.ts';
import { showLocal } from '../../src/ui/views.ts';
import type { App } from '../shared/app.ts';
import type { CommandModule } from '../shared/command.ts';
import { localEtcdFile } from '../shared/paths.ts';
import {
  etcdDir,
  type LocalState,
  readLocalState,
  runHere,
  thisMachine,
  localDocument,
} from '../shared/local-machine.ts';

/** Beside etcd's own 2379, so that a packaged etcd on the machine is not in the way, nor pgctl in its. */
const FIRST_ETCD_PORT = 23_790;
const MAX_HOSTS = 9;

async function startEtcd(app: App): Promise<LocalState> {
  const known = await readLocalState(app);
  const state = known ?? (await chooseState(app));
  await runHere(app, [startLocalEtcd(state)]);
  const file = localEtcdFile(app.env);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  return state;
}

async function chooseState(app: App): Promise<LocalState> {
  const stdout = await runHere(app, [listeningPortsStep]);
  const taken = readListeningPorts({ exitCode: 0, stdout });
  const free: number[] = [];
  for (let port = FIRST_ETCD_PORT; free.length < 2; port++) if (!taken.has(port)) free.push(port);
  const [client_port = 0, peer_port = 0] = free;
  return { dir: etcdDir(app), client_port, peer_port, endpoint: `http://127.0.0.1:${client_port}` };
}

/** Starts what an earlier `local down`, or the machine's reboot, stopped; instances stopped on request stay so. */
async function startInstances(app: App): Promise<void> {
  const store = await app.store();
  const [instances, hosts] = await Promise.all([store.instances.list(), store.hosts.list()]);
  for (const { value: instance } of instances.items) {
    const host = hosts.items.find(({ value }) => value.host_id === instance.host_id)?.value;
    const settled = instance.state === 'available' || instance.state === 'failed';
    if (host?.address !== 'local' || host.service_manager !== 'process' || !instance.running || !settled)
      continue;
    await runHere(
      app,
      [startProcessStep(instance.instance_id, `${host.base_dir}/${instance.instance_id}`)],
      host,
    );
  }
}

export const command: CommandModule = {
  configure: (command) =>
    void command
      .option('--hosts <n>', 'how many local hosts', '3')
      .addHelpText(
        'after',
        '\nExample:\n  pgctl local up\n  pgctl db create demo --hosts local-1,local-2,local-3',
      ),
  async run(app, _args, options) {
    const count = Number(options.hosts);
    if (!Number.isInteger(count) || count < 1 || count > MAX_HOSTS) {
      throw new PgctlError('usage', `--hosts: not a whole number from 1 to ${MAX_HOSTS}`);
    }
    await startEtcd(app);
    const store = await app.store();
    const { endpoints } = await app.connection();
    const warned = new Set<string>();
    for (let n = 1; n <= count; n++) {
      const id = `local-${n}`;
      const stored = await store.hosts.get(id);
      if (stored !== null && stored.value.address !== 'local') {
        throw new PgctlError('already_exists', `host ${id} is registered already, and is not this machine`);
      }
      const before = stored?.value ?? thisMachine(app, id);
      const { host, findings } = await probeHost({
        transport: await app.transport(),
        host: before,
        endpoints,
        now: () => new Date(),
      });
      await store.hosts.put(host, stored === null ? 'absent' : { modRevision: stored.modRevision });
      for (const finding of findings) warned.add(finding);
    }
    for (const finding of warned) app.ui.warn(`this machine: ${finding}`);
    await startInstances(app);
    app.ui.result(await localDocument(app), showLocal);
  },
};
