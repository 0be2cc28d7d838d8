import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PgctlError } from '../../src/errors.ts';
import { probeHost } from '../../src/executor/probe-host.ts';
import { startProcessStep } from '../../src/resources/process.ts';
import {
  awaitPrimaryStep,
  newestOf,
  readWalPosition,
  walPositionStep,
} from '../../src/resources/wal-position.ts';
import { listeningPortsStep, readListeningPorts } from '../../src/steps/host-facts.ts';
import { startLocalEtcd } from '../../src/steps/local-etcd.ts';
import type { HostStep } from '../../src/steps/step.ts';
import { showLocal } from '../../src/ui/views.ts';
import type { App } from '../shared/app.ts';
import type { CommandModule } from '../shared/command.ts';
import { localEtcdFile } from '../shared/paths.ts';
import { registerHost } from '../shared/register-host.ts';
import {
  etcdDir,
  type LocalInstance,
  type LocalState,
  localDocument,
  localInstances,
  readLocalState,
  runHere,
  thisMachine,
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

/**
 * Starts what an earlier `local down`, or the machine's reboot, stopped; instances stopped on request stay so.
 *
 * Of a node none of whose instances runs, the one with the newest data comes first and is waited for: Patroni
 * asks only members that it knows of who is ahead, and one that starts alone would lead with what it has.
 */
async function startInstances(app: App): Promise<void> {
  const wanted = (await localInstances(app)).filter(
    ({ instance: { running, state } }) => running && (state === 'available' || state === 'failed'),
  );
  const nodes = new Map<string, LocalInstance[]>();
  for (const each of wanted) {
    const node = `${each.instance.database_id}.${each.instance.node_name}`;
    nodes.set(node, [...(nodes.get(node) ?? []), each]);
  }
  await Promise.all([...nodes.values()].map((members) => startNode(app, members)));
}

async function startNode(app: App, members: readonly LocalInstance[]): Promise<void> {
  const dirOf = ({ instance, host }: LocalInstance): string => `${host.base_dir}/${instance.instance_id}`;
  const start = (member: LocalInstance, more: readonly HostStep[] = []): Promise<string> =>
    runHere(app, [startProcessStep(member.instance.instance_id, dirOf(member)), ...more], member.host);
  const positions = await Promise.all(
    members.map(async (member) =>
      readWalPosition(await runHere(app, [walPositionStep(dirOf(member))], member.host)),
    ),
  );
  const first = positions.every(({ runs }) => !runs) ? members[newestOf(positions)] : undefined;
  if (first !== undefined) await start(first, [awaitPrimaryStep(dirOf(first))]);
  await Promise.all(members.filter((member) => member !== first).map((member) => start(member)));
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
    const { endpoints, hostTls: tls } = await app.connection();
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
        tls,
        now: () => new Date(),
        limitMs: app.globals.timeoutMs,
      });
      if (stored === null) await registerHost(app, host, { clean: false });
      else await store.hosts.put(host, { modRevision: stored.modRevision });
      for (const { message } of findings) warned.add(message);
    }
    for (const finding of warned) app.ui.warn(`this machine: ${finding}`);
    await startInstances(app);
    app.ui.result(await localDocument(app), showLocal);
  },
};
