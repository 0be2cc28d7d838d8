import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, it } from 'vitest';
import { addHosts, type Operator, operatorOf } from '../../e2e/pgctl.ts';
import { type Lab, startLab } from '../../lab/lab.ts';
import { compare, judge, type Taken, timed } from '../comparison.ts';
import { type Installation, installationOf } from './installation.ts';

// Debian 12, for Debian 12's Ansible does not know the Python of Debian 13.
const HOSTS = 3;
const PORT = 5433;
const ROUNDS = 3;
/** Of what differs by less than rounds do: the middle one of three may be any. */
const CREATE_ROUNDS = 7;

let lab: Lab;
let operator: Operator;
let installation: Installation;
let spec: string;
let inventory: string;
let known: string;

const create = (): Promise<unknown> => operator.json(['db', 'create', '-f', spec]);
const restart = (): Promise<unknown> => operator.json(['db', 'restart', 'shop']);
const remove = (): Promise<unknown> => operator.json(['db', 'delete', 'shop', '--yes']);

beforeAll(async () => {
  lab = await startLab({ hosts: HOSTS, release: 'bookworm' });
  operator = await operatorOf(lab.etcd.endpoints);
  await addHosts(operator, lab);
  spec = join(lab.dir, 'shop.json');
  await writeFile(
    spec,
    JSON.stringify({
      ...{ id: 'shop', port: PORT, database_name: 'shop' },
      nodes: [{ name: 'n1', host_ids: lab.hosts.map(({ id }) => id) }],
      database_users: [{ username: 'app', db_owner: true, attributes: ['LOGIN'] }],
    }),
  );
  await create();
  const binDir = '/usr/lib/postgresql/15/bin';
  installation = await installationOf(lab, { id: 'shop', port: PORT, binDir, socketDir: '/run/postgresql' });
  await remove();
  known = join(lab.dir, 'known_hosts');
  const scans = await Promise.all(
    lab.hosts.map(({ address }) => execa('ssh-keyscan', ['-t', 'ed25519', address])),
  );
  await writeFile(known, `${scans.map(({ stdout }) => stdout).join('\n')}\n`);
  inventory = join(lab.dir, 'inventory.json');
  await writeFile(inventory, JSON.stringify(inventoryOf(installation)));
});
afterAll(async () => {
  await operator?.dispose();
  await lab?.stop();
});

function inventoryOf({ dir, unit, files, ready, stopped, psql, scope }: Installation): object {
  const hosts = lab.hosts.map(({ id, address }) => [
    id,
    { ansible_host: address, dir: dir(id), unit: unit(id), stopped: stopped(id) },
  ]);
  const keys = `/pgctl/patroni/${scope}/`;
  return {
    all: {
      hosts: Object.fromEntries(hosts) as object,
      vars: {
        ...{ files, ready, psql, scope, keys, etcd: lab.etcd.endpoints[0] },
        ...{ ansible_user: 'root', ansible_ssh_private_key_file: lab.identityFile },
        ansible_python_interpreter: '/usr/bin/python3',
      },
    },
  };
}

/** Ansible as its manual says it is fastest: pipelining, connections that persist, a fork for each host. */
async function playbook(name: string): Promise<void> {
  const file = fileURLToPath(new URL(`playbooks/${name}.yml`, import.meta.url));
  await execa('ansible-playbook', ['-i', inventory, '--forks', '10', file], {
    env: {
      HOME: operator.home,
      ANSIBLE_PIPELINING: 'True',
      ANSIBLE_SSH_ARGS: `-o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=${known}`,
      ANSIBLE_SSH_CONTROL_PATH_DIR: join(operator.home, 'cp'),
    },
  });
}

/** One ssh a host, all at once: everything is there with the first byte, and it ends when the instance serves. */
async function bareLoop(
  script: (host: string) => string,
  input?: (host: string) => Promise<Buffer>,
): Promise<void> {
  await Promise.all(
    lab.hosts.map(async ({ id, address }) => {
      const options = ['-o', `UserKnownHostsFile=${known}`, '-o', 'BatchMode=yes', '-i', lab.identityFile];
      await execa('ssh', [...options, `root@${address}`, script(id)], {
        ...(input === undefined ? { stdin: 'ignore' } : { input: await input(id) }),
      });
    }),
  );
}

async function bareStart(): Promise<void> {
  const { dir, unit, files, ready } = installation;
  await bareLoop(
    (host) => `set -e
      install -d -m 0700 -o postgres -g postgres ${dir(host)}
      tar -x -C ${dir(host)} --strip-components=1 --owner=postgres ${host}
      chown -R postgres: ${dir(host)}
      mv ${dir(host)}/unit /etc/systemd/system/${unit(host)}
      systemctl daemon-reload
      systemctl --quiet enable --now ${unit(host)}
      until ${ready}; do sleep 0.1; done`,
    async (host) => {
      await execa('cp', [join(files, `${host}.service`), join(files, host, 'unit')]);
      return Buffer.from((await execa('tar', ['-c', '-C', files, host], { encoding: 'buffer' })).stdout);
    },
  );
}

async function bareStop(): Promise<void> {
  const { dir, unit, stopped } = installation;
  await bareLoop(
    (host) => `systemctl --quiet disable --now ${unit(host)}; ${stopped(host)} >/dev/null 2>&1
      rm -rf /etc/systemd/system/${unit(host)} ${dir(host)}; systemctl daemon-reload`,
  );
  const [endpoint = ''] = lab.etcd.endpoints;
  await execa(
    'etcdctl',
    ['--endpoints', endpoint, 'del', '--prefix', `/pgctl/patroni/${installation.scope}/`],
    {
      env: { ETCDCTL_API: '3' },
    },
  );
}

it('a create takes little longer than starting the same instances', async () => {
  await compare({
    what: 'create of three instances',
    against: 'the same started by a bare parallel ssh loop',
    atMost: 1.25,
    rounds: CREATE_ROUNDS,
    ours: async () => {
      const took = await timed(create);
      await remove();
      return took;
    },
    theirs: async () => {
      const took = await timed(bareStart);
      await bareStop();
      return took;
    },
  });
});

it('create, rolling restart and delete take less than a playbook', async () => {
  const steps = [
    { what: 'create', atMost: 0.4, ours: create, taken: { ours: [], theirs: [] } as Taken },
    { what: 'restart', atMost: 0.8, ours: restart, taken: { ours: [], theirs: [] } as Taken },
    { what: 'delete', atMost: 0.3, ours: remove, taken: { ours: [], theirs: [] } as Taken },
  ];
  for (let round = 0; round < ROUNDS; round++) {
    for (const { what, taken } of steps) taken.theirs.push(await timed(() => playbook(what)));
    for (const { ours, taken } of steps) taken.ours.push(await timed(ours));
  }
  for (const { what, atMost, taken } of steps) {
    const whole = `${what === 'restart' ? 'rolling restart' : what} of three instances`;
    judge({ what: whole, against: 'an Ansible playbook that does the same', atMost }, taken);
  }
});
