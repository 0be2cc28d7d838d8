import { expect, it } from 'vitest';
import { PgctlError } from '../../src/errors.ts';
import { type Carried, carryOut, groupsOf, type Means } from '../../src/executor/carry-out.ts';
import type { PlacedEvent } from '../../src/executor/placed-event.ts';
import type { EventType } from '../../src/plan/plan.ts';
import type { Resource } from '../../src/plan/resource.ts';
import { directory } from '../../src/resources/directory.ts';
import { unit } from '../../src/resources/unit.ts';
import type { Job, JobResult } from '../../src/transport/target.ts';
import { host } from '../store/fixtures.ts';

const place = (on: string, n: number): Resource =>
  directory(on, {
    ...{ path: `/var/lib/pgctl/shop.n${n}.${on}`, owner: 'postgres' },
    ...{ instance_id: `shop.n${n}.${on}`, database_uid: 'u1' },
  });
const service = (on: string): Resource =>
  unit(
    on,
    {
      ...{ instance_id: `shop.n1.${on}`, database_uid: 'u1', dir: `/var/lib/pgctl/shop.n1.${on}` },
      ...{ user: 'postgres', patroni: '/usr/bin/patroni', config_file: '/patroni.yml' },
    },
    [],
  );

const event = (type: EventType, resource: Resource): PlacedEvent => ({
  ...{ plan: 1, phase: 1 },
  event: { type, reason: type === 'delete' ? 'not_desired' : 'new', resource } as PlacedEvent['event'],
});

/** How the steps of one job end: the status of each that ends, and what the worker says of the whole. */
interface Ending {
  readonly steps: readonly number[];
  readonly kind: 'finished' | 'ended' | 'unknown';
  readonly status?: number;
}

/** Means whose jobs end as given, one after the other, with what they were asked for. */
function meansOf(...endings: readonly Ending[]): { means: Means; jobs: string[][] } {
  const jobs: string[][] = [];
  const run = async (
    { hostId }: { hostId: string },
    { nonce, about, assertMayStart }: Job,
  ): Promise<JobResult> => {
    assertMayStart?.();
    const ending = endings[jobs.length] ?? { steps: about?.steps.map(() => 0) ?? [], kind: 'finished' };
    jobs.push([hostId, ...(about?.steps ?? [])]);
    const frames = ending.steps.map(
      (status, n) => `\n${nonce} begin ${n}\nstep ${n}\n${nonce} end ${n} ${status}\n`,
    );
    const [stdout, stderr] = [frames.join(''), 'why'];
    if (ending.kind === 'unknown') return { kind: 'unknown', reason: 'lost', stderr };
    if (ending.kind === 'ended') return { kind: 'ended', by: 'limit', stdout, stderr };
    return { kind: 'finished', status: ending.status ?? ending.steps.at(-1) ?? 0, stdout, stderr };
  };
  const means: Means = {
    transport: { run } as never,
    around: {
      ...{ hosts: new Map(['h1', 'h2'].map((id) => [id, host(id)])), secrets: new Map(), state: new Map() },
      primaryOf: () => Promise.resolve(null),
    },
    fence: { storeId: 's', databaseId: 'shop', token: '1' },
    report: () => undefined,
    ...{ limitMs: null, kill: new AbortController().signal, assertMayStart: () => undefined },
    overtaken: () => Promise.resolve(new PgctlError('lock_lost', 'overtaken')),
    changeStore: () => Promise.resolve(),
  };
  return { means, jobs };
}

/** What came of each event, in their order. */
const carriedOf = async (means: Means, group: readonly PlacedEvent[]): Promise<Carried[]> => [
  ...(await carryOut(means, group)).values(),
];

const outcomes = (carried: readonly Carried[]): string[] => carried.map(({ outcome: { kind } }) => kind);

it('what is brief on one host is one group, and everything else is by itself', () => {
  const events = [
    event('create', place('h1', 1)),
    event('create', place('h2', 1)),
    event('create', service('h1')),
    event('delete', place('h1', 2)),
    event('delete', place('h1', 3)),
  ];
  const groups = groupsOf(events).map((group) => group.map((placed) => events.indexOf(placed)));
  expect(groups).toEqual([[0, 2], [1], [3], [4]]);
});

const THREE = [
  event('create', place('h1', 1)),
  event('create', service('h1')),
  event('create', place('h1', 2)),
];

it('a group is one job, and each event gets what its own steps printed', async () => {
  const { means, jobs } = meansOf();
  const carried = await carriedOf(means, THREE);
  expect(jobs).toHaveLength(1);
  expect(outcomes(carried)).toEqual(['ok', 'ok', 'ok']);
  const printed = carried.map(({ outputs }) => outputs.map(({ stdout }) => stdout));
  expect(printed.flat()).toEqual(printed.flat().map((_, n) => `step ${n}`));
  expect(printed.map(({ length }) => length)).toEqual([1, 1, 1]);
});

it('an event that fails keeps none of the others from being carried out', async () => {
  const { means, jobs } = meansOf({ steps: [0, 73], kind: 'finished' });
  const carried = await carriedOf(means, THREE);
  expect(outcomes(carried)).toEqual(['ok', 'failed', 'ok']);
  expect(carried[1]?.outcome).toMatchObject({ error: expect.stringContaining('exit status 73: why') });
  expect(jobs.map(({ length }) => length - 1)).toEqual([3, 1]);
});

it('so does one that does not say how it ended', async () => {
  const { means, jobs } = meansOf({ steps: [0], kind: 'finished', status: 137 });
  expect(outcomes(await carriedOf(means, THREE))).toEqual(['ok', 'failed', 'ok']);
  expect(jobs).toHaveLength(2);
});

it('what was done stays done where nothing may be started for the rest', async () => {
  const { means, jobs } = meansOf({ steps: [0, 73], kind: 'finished' });
  const assertMayStart = (): void => {
    if (jobs.length > 0) throw new PgctlError('lock_lost', 'the lock is lost');
  };
  const carried = await carriedOf({ ...means, assertMayStart }, THREE);
  expect(outcomes(carried)).toEqual(['ok', 'failed', 'failed']);
  expect(carried.map(({ outcome }) => (outcome.kind === 'ok' ? '' : outcome.error))).toEqual([
    '',
    expect.stringContaining('exit status 73'),
    'the lock is lost',
  ]);
});

it('of a job that nobody saw the end of nothing is known', async () => {
  const { means } = meansOf({ steps: [], kind: 'unknown' });
  expect(outcomes(await carriedOf(means, THREE))).toEqual(['unknown', 'unknown', 'unknown']);
});

it('what was done when the time was over is done', async () => {
  const { means, jobs } = meansOf({ steps: [0], kind: 'ended' });
  const carried = await carriedOf(means, THREE);
  expect(outcomes(carried)).toEqual(['ok', 'failed', 'failed']);
  expect(carried[2]?.outcome).toMatchObject({ timedOut: true });
  expect(jobs).toHaveLength(1);
});

it('an event that cannot be placed fails alone', async () => {
  const { means, jobs } = meansOf();
  const carried = await carriedOf(means, [event('create', place('h9', 1)), ...THREE]);
  expect(outcomes(carried)).toEqual(['failed', 'ok', 'ok', 'ok']);
  expect(jobs).toHaveLength(1);
});
