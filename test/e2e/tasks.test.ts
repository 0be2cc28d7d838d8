import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../lab/command.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { addHosts, type Operator, operatorOf, PROGRAM, type Ran } from './pgctl.ts';

interface TaskDocument {
  readonly task_id: string;
  readonly operation: string;
  readonly state: string;
  readonly error: string | null;
  readonly interrupted?: { readonly who: string };
}
interface TaskResult {
  readonly changed: boolean;
  readonly task: TaskDocument;
}
interface DatabaseDocument {
  readonly state: string;
  readonly error: string | null;
  readonly instances: readonly { readonly state: string }[];
}

let lab: Lab;
/** Who began the operations, and somebody else on another machine. */
let operator: Operator;
let other: Operator;

beforeAll(async () => {
  lab = await startLab({ hosts: 2 });
  operator = await operatorOf(lab.etcd.endpoints);
  other = await operatorOf(lab.etcd.endpoints, { USER: 'colleague' });
  await addHosts(operator, lab);
});
afterAll(async () => {
  await operator?.dispose();
  await other?.dispose();
  await lab?.stop();
});

/** A run in the background, and its task once it has begun with an event. */
async function begin(
  args: readonly string[],
): Promise<{ readonly id: string; readonly ended: Promise<Ran>; kill(): void }> {
  const known = await begun();
  const child = execa('node', [PROGRAM, ...args, '-o', 'json'], {
    env: operator.env,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
  });
  const ended = child.then(({ exitCode, stdout, stderr }) => ({ exitCode: exitCode ?? -1, stdout, stderr }));
  const id = await until('an event of a new task', 30_000, async () =>
    [...(await begun())].find((task) => !known.has(task)),
  );
  return { id, ended, kill: () => void child.kill('SIGKILL') };
}

/** The tasks that have events. */
async function begun(): Promise<ReadonlySet<string>> {
  const keys = [...(await lab.etcd.dump('/pgctl/v1/task_events/')).keys()];
  return new Set(keys.map((key) => key.split('/')[4] ?? ''));
}

const task = (id: string): Promise<TaskDocument> => other.json<TaskDocument>(['task', 'get', id]);
const database = (): Promise<DatabaseDocument> => other.json<DatabaseDocument>(['db', 'get', 'shop']);

async function expectWhole(): Promise<void> {
  expect(await database()).toMatchObject({
    state: 'available',
    error: null,
    instances: [{ state: 'available' }, { state: 'available' }],
  });
  const plan = await operator.run(['db', 'plan', 'shop', '--hosts', 'host-1,host-2', '--detailed-exitcode']);
  expect(plan.exitCode, plan.stderr).toBe(0);
}

describe('a create that somebody cancels from another machine', () => {
  let created: Awaited<ReturnType<typeof begin>>;

  it('stops, says who stopped it, and leaves nothing in progress', async () => {
    created = await begin(['db', 'create', 'shop', '--hosts', 'host-1,host-2']);
    const { id } = created;
    const refused = await other.run(['task', 'resume', id, '-o', 'json']);
    expect([refused.exitCode, JSON.parse(refused.stdout)]).toMatchObject([4, { code: 'lock_held' }]);

    const followed = other.run(['task', 'logs', id, '--follow']);
    const canceled = await other.json<TaskResult>(['task', 'cancel', id]);
    expect(canceled).toMatchObject({ changed: true, task: { task_id: id, state: 'canceled' } });
    const run = await created.ended;
    expect([run.exitCode, JSON.parse(run.stdout)]).toMatchObject([
      1,
      { code: 'canceled', message: expect.stringContaining('colleague') as string, task_id: id },
    ]);
    const log = await followed;
    expect(log.exitCode).toBe(0);
    expect(log.stdout).toContain('begins');
    expect(log.stdout.split('\n').at(-1)).toContain('canceled');

    expect(await database()).toMatchObject({ state: 'failed', error: expect.stringContaining('canceled') });
    const states = new Set((await database()).instances.map(({ state }) => state));
    expect([...states].filter((state) => ['creating', 'modifying', 'deleting'].includes(state))).toEqual([]);
  });

  it('is no news the second time', async () => {
    const again = await other.json<TaskResult>(['task', 'cancel', created.id]);
    expect(again).toMatchObject({ changed: false, task: { state: 'canceled' } });
  });

  it('goes on where it stopped', async () => {
    const resumed = await operator.json<TaskResult>(['task', 'resume', created.id]);
    expect(resumed).toMatchObject({ changed: true, task: { operation: 'create', state: 'completed' } });
    await expectWhole();
    expect(await task(created.id)).toMatchObject({ state: 'canceled' });
    const late = await other.run(['task', 'resume', created.id, '-o', 'json']);
    expect([late.exitCode, JSON.parse(late.stdout)]).toMatchObject([4, { code: 'stale' }]);
    const done = await operator.json<TaskResult>(['task', 'resume', resumed.task.task_id]);
    expect(done.changed).toBe(false);
  });
});

describe('a run that was killed', () => {
  async function killed(): Promise<string> {
    const { id, ended, kill } = await begin(['db', 'restart', 'shop']);
    kill();
    await ended;
    return id;
  }

  it('is shown as interrupted, and can be resumed', async () => {
    const id = await killed();
    // Its lock goes with its lease.
    await expect
      .poll(async () => (await task(id)).interrupted?.who, { timeout: 60_000, interval: 1_000 })
      .toBe('tester');
    const resumed = await operator.json<TaskResult>(['task', 'resume', id]);
    expect(resumed.task).toMatchObject({ operation: 'restart', state: 'completed' });
    expect(await task(id)).toMatchObject({
      state: 'failed',
      error: expect.stringContaining(resumed.task.task_id) as string,
    });
    await expectWhole();
  });

  it('can be canceled, which settles what it left', async () => {
    const id = await killed();
    const canceled = await other.json<TaskResult>(['task', 'cancel', id, '--lock-timeout', '60s']);
    expect(canceled).toMatchObject({ changed: true, task: { state: 'canceled' } });
    expect(await database()).toMatchObject({ state: 'failed' });
    await operator.json(['task', 'resume', id]);
    await expectWhole();
  });
});
