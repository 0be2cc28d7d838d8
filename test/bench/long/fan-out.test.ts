import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { operate } from '../../../src/executor/operation.ts';
import { openSpool } from '../../../src/executor/spool.ts';
import { directory } from '../../../src/resources/directory.ts';
import { limiter } from '../../../src/transport/limiter.ts';
import { openTransport } from '../../../src/transport/transport.ts';
import { WORKER_PROGRAM, workerBody, workerHeader } from '../../../src/transport/worker.ts';
import { type Etcd, startEtcd } from '../../store/etcd.ts';
import { HERE, host, storeOn } from '../../store/fixtures.ts';
import { compare, timed } from '../comparison.ts';

// As in the program.
EventEmitter.defaultMaxListeners = 0;

const SSH = fileURLToPath(new URL('fan-out-ssh', import.meta.url));
const HOSTS = 1_000;
const PARALLEL = 100;
/** Of a host in an operation that makes one thing on it, after its connection: the check, and the work. */
const JOBS = 2;
/** How much more memory a thousand hosts may take than the first hundred. */
const GROWTH = 1.5;

let etcd: Etcd;
let home: string;
const ids = Array.from({ length: HOSTS }, (_, n) => `host-${n + 1}`);

beforeAll(async () => {
  etcd = await startEtcd();
  home = await mkdtemp(join(tmpdir(), 'pgctl-bench-'));
});
afterAll(async () => {
  await etcd?.stop();
  await rm(home, { recursive: true, force: true });
});

/** Bytes of the process, as events end: at a tenth of them, and at the end. */
const memory = { early: 0, late: 0 };

async function throughPgctl(): Promise<number> {
  const store = storeOn(etcd);
  const transport = openTransport({
    ...{ program: SSH, runDir: join(home, 'run'), connectTimeoutMs: 10_000, parallel: PARALLEL },
  });
  try {
    await Promise.all(ids.map((id) => store.hosts.put(host(id), 'absent')));
    let ended = 0;
    const resources = ids.map((id) =>
      directory(id, {
        ...{ path: `/var/lib/pgctl/shop.n1.${id}`, owner: 'postgres' },
        ...{ instance_id: `shop.n1.${id}`, database_uid: 'uid-shop' },
      }),
    );
    return await timed(async () => {
      const result = await operate(
        {
          ...{ store, transport, endpoints: [etcd.endpoint], hostTls: null as never, now: () => new Date() },
          ...{
            who: 'ann',
            origin: HERE,
            lockWaitMs: 0,
            limitMs: null,
            spool: openSpool(join(home, 'spool')),
          },
          report: ({ kind }) => {
            if (kind !== 'event_finished') return;
            ended++;
            if (ended === HOSTS / 10) memory.early = process.memoryUsage().rss;
            if (ended === HOSTS) memory.late = process.memoryUsage().rss;
          },
        },
        {
          ...{ operation: 'create', databaseId: 'shop', command: 'pgctl db create' },
          decide: () => ({
            desired: [resources],
            database: { state: 'creating', spec: { id: 'shop' }, uid: 'uid-shop' },
            ...{ instances: [], ports: [], secrets: new Map() },
          }),
        },
      );
      expect(result.kind).toBe('completed');
      expect(ended).toBe(HOSTS);
    });
  } finally {
    await transport.close();
    store.close();
  }
}

/** The same children, as many at a time, with nobody to plan them, to write down what they did, or to read what they say. */
async function bare(): Promise<number> {
  const pool = limiter(PARALLEL);
  const run = async (args: readonly string[], input?: string): Promise<void> => {
    const child = spawn(SSH, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdout.resume();
    child.stderr.resume();
    child.stdin.end(input);
    await once(child, 'close');
  };
  const job = { nonce: 'n', script: 'pgctl_step 0\n', fence: null };
  const work = WORKER_PROGRAM + workerHeader(job) + workerBody(job);
  return timed(async () => {
    await Promise.all(ids.map((id) => pool(() => run(['-M', id]))));
    for (let n = 0; n < JOBS; n++) await Promise.all(ids.map((id) => pool(() => run([id], work))));
  });
}

it('a thousand hosts take little longer than their children', async () => {
  await compare({
    what: `an operation over ${HOSTS.toLocaleString('en')} stand-in hosts, ${PARALLEL} at a time`,
    against: 'its bare children, as many at a time',
    ...{ atMost: 1.15, rounds: 1, ours: throughPgctl, theirs: bare },
  });
  expect(memory.late / memory.early, 'memory at the end against memory at a tenth').toBeLessThan(GROWTH);
});
