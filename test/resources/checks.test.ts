import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Resource, StoredResource } from '../../src/plan/resource.ts';
import { dataSize } from '../../src/resources/data-size.ts';
import { directory } from '../../src/resources/directory.ts';
import { type InstanceAttributes, instanceType } from '../../src/resources/instance.ts';
import { type PatroniConfigAttributes, patroniConfigType } from '../../src/resources/patroni-config.ts';
import type { ResourceType } from '../../src/resources/type.ts';
import { attributesOf } from '../../src/resources/type.ts';
import type { HostStep } from '../../src/steps/step.ts';
import { runSteps } from '../steps/run-steps.ts';
import { CONTEXT, aConfig, anInstance } from './fixtures.ts';

// Real processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const root = mkdtempSync(join(tmpdir(), 'pgctl-checks-'));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

const withAttributes = <A extends object>(resource: Resource, changes: Partial<A>): Resource => ({
  ...resource,
  attributes: { ...resource.attributes, ...(changes as object) },
});
const stored = (resource: Resource): StoredResource => ({ ...resource, needs_recreate: false, error: null });

function findings(type: ResourceType, resource: Resource, previous: Resource | null = null): string[] | null {
  const question = { previous: previous === null ? null : stored(previous), copyBytes: null };
  const check = type.check?.(resource, question, CONTEXT) ?? null;
  if (check === null) return null;
  const { outputs, status, stderr } = runSteps(check.steps as HostStep[]);
  expect([status, stderr]).toEqual([0, '']);
  return check.read(outputs).map(({ message }) => message);
}

describe('etcd as a host reaches it', () => {
  const config = (endpoints: readonly string[]): Resource =>
    withAttributes<PatroniConfigAttributes>(aConfig(), { python: '/usr/bin/python3', endpoints });

  /** Something that answers as etcd does, by a clock that is off; a process of its own, for the check blocks this one. */
  async function clockOff(seconds: number): Promise<string> {
    const program = `
import email.utils, http.server, time
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.wfile.write(b"HTTP/1.0 200 OK\\r\\nDate: %s\\r\\n\\r\\n{}" % email.utils.formatdate(time.time() + ${seconds}, usegmt=True).encode())
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
print(server.server_port, flush=True)
server.serve_forever()`;
    const child = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const [port] = (await once(child.stdout, 'data')) as [Buffer];
    return `http://127.0.0.1:${port.toString().trim()}`;
  }
  const NOBODY = 'http://127.0.0.1:9';

  it.each([
    [0, []],
    [30, []],
    [
      3600,
      [expect.stringMatching(/^its clock is 3(600|599) s behind that of etcd; keep it in step with NTP$/)],
    ],
    [
      -7200,
      [expect.stringMatching(/^its clock is 720[01] s ahead of that of etcd; keep it in step with NTP$/)],
    ],
  ])('is asked for its time: %i s off', async (seconds, found) => {
    expect(findings(patroniConfigType, config([await clockOff(seconds)]))).toEqual(found);
  });

  it('that does not answer at all is found, at every endpoint', () => {
    const found = findings(patroniConfigType, config([NOBODY, NOBODY]));
    expect(found).toHaveLength(2);
    expect(found?.[0]).toMatch(/^etcd at http:\/\/127\.0\.0\.1:9 cannot be reached from there: .*refused/);
  });

  it('is good with one endpoint that answers', async () => {
    expect(findings(patroniConfigType, config([NOBODY, await clockOff(0)]))).toEqual([]);
  });

  it('is not asked again where it stays the same', () => {
    expect(findings(patroniConfigType, config([NOBODY]), config([NOBODY]))).toBeNull();
    expect(findings(patroniConfigType, config([NOBODY]), config([]))).toHaveLength(1);
  });
});

describe("an instance's ports", () => {
  let server: Server;
  let taken = 0;
  let free = 0;
  const listening = async (): Promise<Server> => {
    const made = createServer();
    made.listen(0, '127.0.0.1');
    await once(made, 'listening');
    return made;
  };
  const portOf = (of: Server): number => (of.address() as AddressInfo).port;
  beforeAll(async () => {
    server = await listening();
    taken = portOf(server);
    const other = await listening();
    free = portOf(other);
    await once(other.close(), 'close');
  });
  afterAll(() => void server.close());

  const at = (changes: Partial<InstanceAttributes>): Resource =>
    withAttributes<InstanceAttributes>(anInstance(), {
      manager: 'process',
      dir: join(root, 'none'),
      ...changes,
    });
  const portFindings = (resource: Resource, previous: Resource | null = null): string[] | null =>
    findings(instanceType, resource, previous)?.filter((message) => message.startsWith('port')) ?? null;
  const TAKEN = (): string => `port ${taken} is taken by a process that is not pgctl's`;

  it('are found taken before it is made', () => {
    expect(portFindings(at({ port: taken, patroni_port: free }))).toEqual([TAKEN()]);
    expect(portFindings(at({ port: free, patroni_port: taken }))).toEqual([TAKEN()]);
    expect(portFindings(at({ port: free, patroni_port: free }))).toEqual([]);
  });

  it('are found taken before it moves there, and those that it has are its own', () => {
    const before = at({ port: free, patroni_port: taken });
    expect(portFindings(at({ port: taken, patroni_port: free }), before)).toBeNull();
    expect(
      portFindings(at({ port: taken, patroni_port: taken }), at({ port: free, patroni_port: free })),
    ).toEqual([TAKEN(), TAKEN()]);
  });

  it('are its own where it runs already, since what made it was cut short', async () => {
    const dir = join(root, 'shop');
    mkdirSync(join(dir, 'data'), { recursive: true });
    const program =
      'import socket, time; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(300)';
    const postmaster = spawn('python3', ['-c', program], {
      cwd: join(dir, 'data'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(postmaster);
    const [said] = (await once(postmaster.stdout, 'data')) as [Buffer];
    const own = Number(said.toString());
    expect(portFindings(at({ port: own, patroni_port: free, dir }))).toEqual([]);
    expect(portFindings(at({ port: own, patroni_port: taken, dir }))).toEqual([TAKEN()]);
    expect(portFindings(at({ port: own, patroni_port: free, dir: join(root, 'none') }))).toHaveLength(1);
  });

  it('and programs are not asked for where they stay the same', () => {
    expect(findings(instanceType, at({}), at({}))).toBeNull();
    const newer = findings(instanceType, at({ bin_dir: '/nowhere', postgres_version: '99' }), at({}));
    expect(newer).toContain('PostgreSQL 99 is not installed (/nowhere/postgres is missing)');
    expect(attributesOf<InstanceAttributes>(at({})).port).toBeGreaterThan(0);
  });
});

describe('the size of the data that a replica copies', () => {
  const sizeOf = (path: string): number | null => {
    const { steps, read } = dataSize(
      directory('host-1', { path, owner: 'postgres', instance_id: 'shop.n1.host-1', database_uid: 'u' }),
    );
    const { outputs, status } = runSteps(steps as HostStep[]);
    expect(status).toBe(0);
    return read(outputs);
  };

  it('is what is in the data directory, and not what links lead to', () => {
    const path = join(root, "it's");
    const elsewhere = join(root, 'elsewhere');
    mkdirSync(join(path, 'data', 'base'), { recursive: true });
    mkdirSync(elsewhere);
    writeFileSync(join(path, 'data', 'base', '1'), Buffer.alloc(3 * 1024 * 1024, 1));
    writeFileSync(join(elsewhere, '1'), Buffer.alloc(9 * 1024 * 1024, 1));
    symlinkSync(elsewhere, join(path, 'data', 'link'));
    const size = sizeOf(path) ?? 0;
    expect(size).toBeGreaterThanOrEqual(3 * 1024 * 1024);
    expect(size).toBeLessThan(5 * 1024 * 1024);
  });

  it('is not known where there is none', () => {
    expect(sizeOf(join(root, 'none'))).toBeNull();
  });
});
