import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startLab, type Lab } from './lab.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await startLab({ hosts: 3 });
}, 600_000);

afterAll(async () => {
  await lab?.stop();
});

/** ssh as a user has it who trusts the host's key at once and has some seconds. */
function ssh(id: string, user: string, command: string, timeout = 10_000) {
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'BatchMode=yes',
    'LogLevel=ERROR',
  ];
  const destination = `${user}@${lab.host(id).address}`;
  return execa(
    'ssh',
    [
      '-F',
      'none',
      '-i',
      lab.identityFile,
      ...options.flatMap((option) => ['-o', option]),
      destination,
      command,
    ],
    {
      stdin: 'ignore',
      reject: false,
      timeout,
    },
  );
}

/** How an attempt to connect to a host's sshd ends within a second: connected, an error's code, or silence. */
function connectTo(address: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22, timeout: 1_000 });
    const end = (outcome: string): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.once('connect', () => end('connected'));
    socket.once('timeout', () => end('silence'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

describe('a host of the lab', () => {
  test.each(['host-1', 'host-2', 'host-3'])('%s lets every user in by the key', async (id) => {
    for (const user of ['root', 'operator', 'nosudo', 'cshuser']) {
      const { exitCode, stdout, stderr } = await ssh(id, user, 'id -un; hostname');
      expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: `${user}\n${id}`, stderr: '' });
    }
  });

  test('has users with sudo, one of whose shells is csh, and one without', async () => {
    expect(await ssh('host-1', 'operator', 'sudo -n id -u')).toMatchObject({
      exitCode: 0,
      stdout: '0',
      stderr: '',
    });
    expect(await ssh('host-1', 'cshuser', 'echo $shell; sudo -n id -u')).toMatchObject({
      stdout: '/bin/tcsh\n0',
    });
    expect(await ssh('host-1', 'nosudo', 'sudo -n true')).toMatchObject({ exitCode: 1 });
  });

  test('says who it is by a host key of its own', async () => {
    const fingerprints = new Set(lab.hosts.map((host) => host.hostKeyFingerprint));
    expect(fingerprints.size).toBe(3);
    for (const host of lab.hosts) {
      const { stdout: key } = await execa('ssh-keyscan', [host.address], { stderr: 'ignore' });
      const { stdout } = await execa('ssh-keygen', ['-lf', '-'], { input: key });
      expect(stdout.split(' ')[1]).toBe(host.hostKeyFingerprint);
    }
  });

  test('runs a systemd that is content, and what pgctl needs', async () => {
    const { stdout } = await lab
      .host('host-2')
      .run('systemctl is-system-running; systemctl is-active ssh; ls /var/lib/postgresql');
    expect(stdout).toBe('running\nactive\n');
    const versions = await lab
      .host('host-2')
      .run(
        '/usr/lib/postgresql/*/bin/postgres --version; patroni --version; pgbackrest version; etcd --version',
        {
          user: 'postgres',
        },
      );
    expect(versions.stdout).toMatch(
      /PostgreSQL\) 17[^]*patroni 4\.0[^]*pgBackRest 2\.[^]*etcd Version: 3\.5/,
    );
    const listening = await lab.host('host-2').run("ss -Hltn | awk '{print $4}' | grep -v :22$");
    expect(listening.stdout).toBe('');
  });

  test('runs commands with their input, exit code, stderr and time limit', async () => {
    const host = lab.host('host-1');
    const result = await host.run('cat; echo problem >&2; exit 3', { input: 'in\n', user: 'nosudo' });
    expect(result).toEqual({ exitCode: 3, stdout: 'in\n', stderr: 'problem\n' });
    expect(await host.run('sleep 30', { timeoutMs: 300 })).toMatchObject({ exitCode: 124 });
    expect(await host.pids(/sleep 30/)).toEqual([]);
  });

  test('reaches etcd and the other hosts, and resolves no names', async () => {
    const [endpoint] = lab.etcd.endpoints;
    for (const host of lab.hosts) {
      const read = `import urllib.request as u; print(u.urlopen("${endpoint}/version", timeout=5).read().decode())`;
      expect((await host.run(`python3 -c '${read}'`)).stdout).toContain('"etcdserver":"3.');
      const others = lab.hosts.map((other) => `: </dev/tcp/${other.address}/22`).join(' && ');
      expect(await host.run(`bash -c '${others}'`)).toMatchObject({ exitCode: 0 });
    }
    expect(await lab.host('host-1').run('getent hosts debian.org')).toMatchObject({ exitCode: 2 });
    expect((await lab.host('host-1').run('getent hosts host-1')).exitCode).toBe(0);
  });
});

describe('a fault', () => {
  test('a killed host is silent, and comes back with its files', async () => {
    const host = lab.host('host-3');
    await host.run('echo kept > /var/lib/kept');
    await host.kill();
    expect(await connectTo(host.address)).toBe('silence');
    await expect(host.run('true')).rejects.toThrow('host-3 is off');
    await host.boot();
    expect(await ssh('host-3', 'operator', 'cat /var/lib/kept')).toMatchObject({ stdout: 'kept' });
    const key = host.hostKeyFingerprint;
    await host.reboot();
    expect((await host.run('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')).stdout).toContain(key);
  });

  test('a host that is cut off is silent, and runs on', async () => {
    const host = lab.host('host-2');
    await host.cutOff();
    expect(await connectTo(host.address)).toBe('silence');
    expect(
      await host.run(`bash -c 'timeout 1 bash -c ": </dev/tcp/${lab.host('host-1').address}/22"'`),
    ).toMatchObject({
      exitCode: 124,
    });
    expect(await host.run('systemctl is-active ssh')).toMatchObject({ stdout: 'active\n' });
    await host.heal();
    expect(await ssh('host-2', 'root', 'true')).toMatchObject({ exitCode: 0 });
  });

  test('a frozen host lets connect, does nothing, and goes on afterwards', async () => {
    const host = lab.host('host-1');
    await host.freeze();
    expect(await connectTo(host.address)).toBe('connected');
    expect(await ssh('host-1', 'root', 'true', 2_000)).toMatchObject({ timedOut: true });
    await host.thaw();
    expect(await ssh('host-1', 'root', 'true')).toMatchObject({ exitCode: 0 });
    await host.freeze();
    await host.reboot();
    expect(await ssh('host-1', 'root', 'true')).toMatchObject({ exitCode: 0 });
  });

  test('etcd can be lost and paused, and keeps its data', async () => {
    const { etcd } = lab;
    const [member] = etcd.members;
    await lab.host('host-1').run(`etcdctl --endpoints=${etcd.endpoints[0]} put /a/1 one`);
    await member?.kill();
    await expect(fetch(`${member?.endpoint}/version`)).rejects.toThrow();
    await member?.start();
    expect(await etcd.dump()).toEqual(new Map([['/a/1', 'one']]));
    await member?.pause();
    await expect(
      fetch(`${member?.endpoint}/version`, { signal: AbortSignal.timeout(300) }),
    ).rejects.toThrow();
    await member?.resume();
    expect(await etcd.dump('/b')).toEqual(new Map());
  });
});

/** What outlives a process, or should not, of the lab with a network and scratch directories of a process. */
async function leftovers(address: string, pid: number | undefined): Promise<string[]> {
  const network = address.split('.').slice(0, 3).join('.');
  const number = network.split('.')[2];
  const ofLab = new RegExp(`pglab${number}\\b|pglab${number}h|pgctl-lab-${number}\\b|${network}\\.|/${pid}-`);
  const { stdout: links } = await execa('ip', ['-o', 'address'], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  const found = `${links}\n${await readFile('/proc/mounts', 'utf8')}`.split('\n');
  const cgroups = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd'];
  for (const path of ['/run/netns', '/run/systemd/nspawn/propagate', '/var/tmp/pgctl-lab-0', ...cgroups]) {
    found.push(...(await readdir(path).catch(() => [])).map((name) => `${path}/${name}`));
  }
  const claims = (await readdir('/run/pgctl-lab')).filter((name) => name === number);
  return [...found.filter((line) => ofLab.test(line)), ...claims, ...(await processesOf(network))];
}

async function processesOf(network: string): Promise<string[]> {
  const { stdout } = await execa('ps', ['-eo', 'args']);
  const ofLab = new RegExp(`pglab${network.split('.')[2]}-|${network}\\.`);
  return stdout.split('\n').filter((line) => ofLab.test(line));
}

describe('the end of a lab', () => {
  test('leaves nothing behind', async () => {
    const { address } = lab.host('host-1');
    expect((await leftovers(address, process.pid)).length).toBeGreaterThan(10);
    await lab.stop();
    expect(await leftovers(address, process.pid)).toEqual([]);
  });

  test('leaves nothing running when its process is killed, and the next lab removes the rest', async () => {
    const module = new URL('lab.ts', import.meta.url).href;
    const program = `import { startLab } from '${module}';
      const lab = await startLab({ hosts: 1 });
      process.stdout.write(lab.host('host-1').address);
      process.kill(process.pid, 'SIGKILL');`;
    const child = execa(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
      reject: false,
    });
    const { stdout: address, signal, stderr } = await child;
    expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' });
    const network = address.slice(0, address.lastIndexOf('.'));
    await vi.waitFor(async () => expect(await processesOf(network)).toEqual([]), 5_000);
    // By now another lab of this machine may have done it already, which is as good.
    const next = await startLab({ hosts: 0 });
    await next.stop();
    expect(await leftovers(address, child.pid)).toEqual([]);
  });
});
