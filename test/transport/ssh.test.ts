import { describe, expect, it } from 'vitest';
import { sshArguments } from '../../src/transport/ssh.ts';
import type { Target } from '../../src/transport/target.ts';
import { WORKER_COMMANDS } from '../../src/transport/worker.ts';

const settings = { program: 'ssh', runDir: '/tmp/pgctl-x', connectTimeoutMs: 10_000 };
const plain: Target = {
  hostId: 'host-1',
  address: 'db1.example.net',
  user: null,
  port: null,
  identityFile: null,
  hostKeys: [],
  privileges: 'root',
};
const full: Target = {
  ...plain,
  user: 'ops',
  port: 2222,
  identityFile: '/etc/keys/id_ed25519',
  hostKeys: ['ssh-ed25519 AAAA'],
};

/** Options on one line each, with their values. */
const shown = (args: readonly string[]): string =>
  args.map((arg, i) => (i > 0 && /^-[olpi]$/.test(args[i - 1] ?? '') ? ` ${arg}` : `\n${arg}`)).join('');

describe('ssh is called', () => {
  it('with nothing asked, nothing forwarded and the host’s accepted key', () => {
    expect(shown(sshArguments(settings, full, WORKER_COMMANDS.sudo))).toMatchInlineSnapshot(`
      "
      -T
      -o ControlMaster=no
      -o ControlPath=/tmp/pgctl-x/host-1.sock
      -o BatchMode=yes
      -o ConnectTimeout=10
      -o ServerAliveInterval=5
      -o ServerAliveCountMax=3
      -o ForwardAgent=no
      -o ForwardX11=no
      -o ClearAllForwardings=yes
      -o PermitLocalCommand=no
      -o RequestTTY=no
      -l ops
      -p 2222
      -i /etc/keys/id_ed25519
      -o StrictHostKeyChecking=yes
      -o HostKeyAlias=pgctl-host-1
      -o UserKnownHostsFile="/tmp/pgctl-x/host-1.known_hosts" ~/.ssh/known_hosts ~/.ssh/known_hosts2
      -o UpdateHostKeys=no
      --
      db1.example.net
      exec sudo -n sh -c 'IFS= read -r w && eval "$(printf %s "$w" | base64 -d)"'"
    `);
  });

  it('with the user’s own known_hosts where pgctl accepted no key', () => {
    expect(shown(sshArguments(settings, plain, WORKER_COMMANDS.root))).toMatchInlineSnapshot(`
      "
      -T
      -o ControlMaster=no
      -o ControlPath=/tmp/pgctl-x/host-1.sock
      -o BatchMode=yes
      -o ConnectTimeout=10
      -o ServerAliveInterval=5
      -o ServerAliveCountMax=3
      -o ForwardAgent=no
      -o ForwardX11=no
      -o ClearAllForwardings=yes
      -o PermitLocalCommand=no
      -o RequestTTY=no
      -o StrictHostKeyChecking=yes
      --
      db1.example.net
      exec sh -c 'IFS= read -r w && eval "$(printf %s "$w" | base64 -d)"'"
    `);
  });

  it('with an address that looks like an option taken as an address', () => {
    const args = sshArguments(settings, { ...plain, address: '-oProxyCommand=id' }, 'true');
    expect(args.slice(-3)).toEqual(['--', '-oProxyCommand=id', 'true']);
  });

  it.each<[milliseconds: number, seconds: string]>([
    [1, '1'],
    [1_500, '2'],
    [10_000, '10'],
  ])('with a connect timeout of %d ms rounded up to seconds', (connectTimeoutMs, seconds) => {
    expect(sshArguments({ ...settings, connectTimeoutMs }, plain, 'true')).toContain(
      `ConnectTimeout=${seconds}`,
    );
  });

  it('with a command that is the same for every job', () => {
    expect(WORKER_COMMANDS).toMatchInlineSnapshot(`
      {
        "none": "exec sh -c 'IFS= read -r w && eval "$(printf %s "$w" | base64 -d)"'",
        "root": "exec sh -c 'IFS= read -r w && eval "$(printf %s "$w" | base64 -d)"'",
        "sudo": "exec sudo -n sh -c 'IFS= read -r w && eval "$(printf %s "$w" | base64 -d)"'",
      }
    `);
  });
});
