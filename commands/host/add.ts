import { createHash } from 'node:crypto';
import { PgctlError } from '../../src/errors.ts';
import { probeHost } from '../../src/executor/probe-host.ts';
import { targetOf } from '../../src/executor/on-host.ts';
import type { HostRecord } from '../../src/records/types.ts';
import { idProblem } from '../../src/spec/names.ts';
import { LOCAL_ADDRESS } from '../../src/transport/transport.ts';
import type { App } from '../shared/app.ts';
import type { CommandModule } from '../shared/command.ts';
import { parseEndpoints } from '../shared/connection.ts';
import { hostDocument } from '../shared/host-document.ts';
import { lockOutFindings } from '../shared/lock-out.ts';
import { registerHost } from '../shared/register-host.ts';
import { showHost } from '../../src/ui/views.ts';

interface Flags {
  readonly address: string;
  readonly user?: string;
  readonly port?: string;
  readonly identityFile?: string;
  readonly baseDir: string;
  readonly advertise?: string;
  readonly hostEndpoints?: string;
  readonly label: readonly string[];
  readonly hostKeyFingerprint?: string;
  readonly acceptHostKey?: boolean;
  readonly clean?: boolean;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** SHA-256 fingerprint of a public key line, as ssh prints it. */
function fingerprintOf(key: string): string {
  const digest = createHash('sha256')
    .update(Buffer.from(key.split(' ')[1] ?? '', 'base64'))
    .digest('base64');
  return `SHA256:${digest.replace(/=+$/, '')}`;
}

/** The host's key, shown and accepted. */
async function acceptedKey(app: App, host: HostRecord, flags: Flags): Promise<string> {
  const offered = await (await app.transport()).hostKey(targetOf(host));
  if ('reason' in offered) {
    throw new PgctlError('host_unreachable', `host ${host.host_id} cannot be reached: ${offered.reason}`, {
      hint: `Check that \`ssh ${host.address}\` gets there; --user, --port and ~/.ssh/config count for pgctl as well.`,
    });
  }
  const fingerprint = fingerprintOf(offered.key);
  const kind = offered.key.split(' ')[0] ?? '';
  if (flags.hostKeyFingerprint !== undefined) {
    if (flags.hostKeyFingerprint === fingerprint) return offered.key;
    throw new PgctlError(
      'host_unusable',
      `host ${host.host_id} shows the ${kind} key ${fingerprint}, not ${flags.hostKeyFingerprint}`,
      {
        hint: 'Either the fingerprint is of another key, or somebody is in between. Nothing was registered.',
      },
    );
  }
  if (flags.acceptHostKey === true) return offered.key;
  const answer = await app.ui.ask(
    `Host ${host.host_id} (${host.address}) shows the ${kind} key ${fingerprint}.\nIs that its key? [yes/no] `,
    '--accept-host-key or --host-key-fingerprint',
  );
  if (answer.trim().toLowerCase() === 'yes') return offered.key;
  throw new PgctlError('not_confirmed', 'the host key was not accepted', { hint: 'Nothing was registered.' });
}

function newHost(app: App, id: string, flags: Flags): HostRecord {
  const problem = idProblem(id);
  if (problem !== undefined) throw new PgctlError('usage', `host id ${JSON.stringify(id)}: ${problem}`);
  for (const [option, value] of [
    ['--address', flags.address],
    ['--user', flags.user],
    ['--advertise', flags.advertise],
  ]) {
    if (value !== undefined && !/^[A-Za-z0-9_:[\]][A-Za-z0-9._:@%[\]-]*$/.test(value)) {
      throw new PgctlError('usage', `${option}: ${JSON.stringify(value)} is neither a name nor an address`);
    }
  }
  if (
    !/^\/[A-Za-z0-9._/-]+$/.test(flags.baseDir) ||
    flags.baseDir.includes('..') ||
    flags.baseDir.endsWith('/')
  ) {
    throw new PgctlError(
      'usage',
      `--base-dir: ${JSON.stringify(flags.baseDir)} is not an absolute path of plain characters`,
    );
  }
  const port = flags.port === undefined ? null : Number(flags.port);
  if (port !== null && (!Number.isInteger(port) || port < 1 || port > 65535)) {
    throw new PgctlError('usage', `--port: ${JSON.stringify(flags.port)} is not a port`);
  }
  const now = app.now();
  return {
    host_id: id,
    address: flags.address,
    advertise: flags.advertise ?? null,
    ssh: { user: flags.user ?? null, port, identity_file: flags.identityFile ?? null },
    host_keys: [],
    service_manager: 'systemd',
    base_dir: flags.baseDir,
    host_endpoints: flags.hostEndpoints === undefined ? null : parseEndpoints(flags.hostEndpoints),
    labels: Object.fromEntries(flags.label.map(labelOf)),
    facts: null,
    created_at: now,
    updated_at: now,
  };
}

function labelOf(text: string): [string, string] {
  const match = /^([A-Za-z0-9._/-]+)=(.*)$/.exec(text);
  if (match === null)
    throw new PgctlError('usage', `--label: ${JSON.stringify(text)} is not of the form key=value`);
  return [match[1] ?? '', match[2] ?? ''];
}

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<id>', 'what the host is called in specs')
      .requiredOption('--address <address>', 'name or address for ssh, or `local` for this machine')
      .option('--user <name>', 'login user; root, or one with sudo that asks no password')
      .option('--port <port>', 'port of its sshd')
      .option('--identity-file <file>', 'private key')
      .option('--base-dir <dir>', 'where instances are kept', '/var/lib/pgctl')
      .option('--advertise <address>', 'what other hosts reach its Postgres at (default: the address)')
      .option('--host-endpoints <urls>', 'etcd as this host reaches it, where that differs')
      .option('--label <key=value>', 'label, repeatable', collect, [])
      .option('--host-key-fingerprint <fingerprint>', 'accept the host key with this fingerprint, SHA256:…')
      .option('--accept-host-key', 'accept whatever key the host shows')
      .option('--clean', 'of a host that was removed while lost: stop and remove what pgctl left on it')
      .addHelpText('after', '\nExample:\n  pgctl host add host-1 --address 10.0.0.11 --user admin'),
  async run(app, [id = ''], options) {
    const flags = options as unknown as Flags;
    const host = newHost(app, id, flags);
    const store = await app.store();
    if ((await store.hosts.get(id)) !== null) {
      throw new PgctlError('already_exists', `host ${id} is registered already`, {
        hint: `\`pgctl host get ${id}\` shows it, \`pgctl host check ${id}\` looks at it again.`,
      });
    }
    await store.hosts.assertPermitted(id);
    const key = host.address === LOCAL_ADDRESS ? null : await acceptedKey(app, host, flags);
    const { endpoints, hostTls: tls } = await app.connection();
    const { host: probed, findings: found } = await probeHost({
      transport: await app.transport(),
      host: { ...host, host_keys: key === null ? [] : [key] },
      endpoints,
      tls,
      now: () => new Date(),
      limitMs: app.globals.timeoutMs,
    });
    const findings = [...found.map(({ message }) => message), ...(await lockOutFindings(store))];
    await registerHost(app, probed, { clean: flags.clean === true });
    for (const finding of findings) app.ui.warn(`host ${id}: ${finding}`);
    app.ui.result(hostDocument(probed, { state: 'reachable', findings }), showHost);
  },
};
