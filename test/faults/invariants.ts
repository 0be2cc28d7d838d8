import { expect } from 'vitest';
import type { StoredResource } from '../../src/plan/resource.ts';
import { IN_PROGRESS, isFinal } from '../../src/records/states.ts';
import type { DatabaseRecord, InstanceRecord, TaskRecord } from '../../src/records/types.ts';
import type { Ran } from '../e2e/pgctl.ts';
import { until } from '../lab/command.ts';

/**
 * What has to hold after a fault, whichever fault it was and whatever stands in for the hosts. A tier shows its
 * world through `World`; what is wrong with it comes back as sentences, so that one failure names everything.
 */

/** One host as it is, looked at past pgctl. */
export interface FaultHost {
  readonly id: string;
  /** Names in the base directory, without the fences: an instance's directory is named after the instance. */
  directories(): Promise<readonly string[]>;
  /** Instances for which the service manager has something. */
  units(): Promise<readonly string[]>;
  /** Instances whose Postgres runs. */
  servers(): Promise<readonly string[]>;
  /** What workers of pgctl, and the steps they carry out, run at the moment: their command lines. */
  jobs(): Promise<readonly string[]>;
}

/** Something that was printed or shown where a secret has no business to be. */
export interface Heard {
  /** Such as `stderr of db create` or `an argument list`. */
  readonly where: string;
  readonly text: string;
}

export interface World {
  /** Runs pgctl to its end; what it prints is heard. */
  run(args: readonly string[]): Promise<Ran>;
  /** Every key that etcd holds, with its value. */
  dump(): Promise<ReadonlyMap<string, string>>;
  readonly hosts: readonly FaultHost[];
  /** What pgctl left running on its own machine: command lines. An idle ssh master, which ends by itself, is none. */
  children(): Promise<readonly string[]>;
  heard(): Promise<readonly Heard[]>;
  /** All that must not be seen: the password in the spec, and those that pgctl made as far as they can be known. */
  secrets(): Promise<readonly string[]>;
}

/** A world at one moment. */
export interface Observed {
  readonly keys: ReadonlyMap<string, string>;
  readonly hosts: readonly {
    readonly id: string;
    readonly directories: readonly string[];
    readonly units: readonly string[];
    readonly servers: readonly string[];
    readonly jobs: readonly string[];
  }[];
  readonly children: readonly string[];
  readonly heard: readonly Heard[];
  readonly secrets: readonly string[];
}

/** A job whose pgctl is gone has its group told to end, and ended after 5 s; a cut link takes 20 s to be noticed. */
const JOBS_END_MS = 30_000;

const LOCKS = '/pgctl/v1/locks/';

/** Looks at everything, once what runs has had the time that it may take to end. */
export async function observe(world: World): Promise<Observed> {
  const look = async (): Promise<Pick<Observed, 'hosts' | 'children'>> => {
    const [children, ...hosts] = await Promise.all([
      world.children(),
      ...world.hosts.map(async (host) => {
        const [directories, units, servers, jobs] = await Promise.all([
          host.directories(),
          host.units(),
          host.servers(),
          host.jobs(),
        ]);
        return { id: host.id, directories, units, servers, jobs };
      }),
    ]);
    return { children, hosts };
  };
  let last = await look();
  const quiet = (): boolean =>
    last.children.length === 0 && last.hosts.every(({ jobs }) => jobs.length === 0);
  await until('end of what pgctl runs', JOBS_END_MS, async () => {
    if (quiet()) return true;
    last = await look();
    return undefined;
  }).catch(() => undefined); // What is left then is what the checks are about.
  const [keys, heard, secrets] = await Promise.all([world.dump(), world.heard(), world.secrets()]);
  return { ...last, keys, heard, secrets };
}

/** Values of the records below `/pgctl/v1/<kind>/`. */
function recordsOf<T>({ keys }: Observed, kind: string): T[] {
  const prefix = `/pgctl/v1/${kind}/`;
  return [...keys].filter(([key]) => key.startsWith(prefix)).map(([, value]) => JSON.parse(value) as T);
}

const instancesOf = (observed: Observed): InstanceRecord[] => recordsOf(observed, 'instances');

/** What a killed step left beside an instance's directory or its unit, for the next one to remove. */
const isRemnant = (name: string): boolean => name.startsWith('.') || name.endsWith('.pgctl-new');

/** What holds at any time, also right after a kill: no secret is seen, and nothing is made that no record names. */
export function lies(observed: Observed): string[] {
  const records = instancesOf(observed);
  return [
    ...observed.hosts.flatMap((host) => {
      const known = new Set(
        records.filter(({ host_id }) => host_id === host.id).map(({ instance_id }) => instance_id),
      );
      const places = { directory: host.directories, unit: host.units, 'running server': host.servers };
      return Object.entries(places).flatMap(([what, found]) =>
        found
          .filter((id) => !known.has(id) && !isRemnant(id))
          .map((id) => `${host.id}: a ${what} ${id} that no record names`),
      );
    }),
    ...leaks(observed),
  ];
}

function leaks({ secrets, keys, heard }: Observed): string[] {
  const seen = [
    ...[...keys].map(([key, text]) => ({ where: `the value of ${key}`, text })),
    ...[...keys.keys()].map((text) => ({ where: 'a key of etcd', text })),
    ...heard,
  ];
  return [
    ...new Set(
      seen
        .filter(({ text }) => secrets.some((secret) => text.includes(secret)))
        .map(({ where }) => `a secret is in ${where}`),
    ),
  ];
}

/** What is under way, or looks as if it were: nothing of it is left where an operation has ended. */
export function unfinished(observed: Observed): string[] {
  const { keys, hosts, children } = observed;
  const databases = recordsOf<DatabaseRecord>(observed, 'databases');
  const tasks = recordsOf<TaskRecord>(observed, 'tasks');
  return [
    ...instancesOf(observed)
      .filter(({ state }) => IN_PROGRESS[state])
      .map(({ instance_id, state }) => `${instance_id} is ${state}`),
    ...databases
      .filter(({ state }) => IN_PROGRESS[state])
      .map(({ database_id, state }) => `database ${database_id} is ${state}`),
    ...tasks
      .filter(({ state }) => !isFinal(state) && state !== 'unknown')
      .map(({ task_id, operation, state }) => `task ${task_id} (${operation}) is ${state}`),
    ...[...keys.keys()].filter((key) => key.startsWith(LOCKS)).map((key) => `${key} is left`),
    ...processesOf({ hosts, children }),
  ];
}

const processesOf = ({ hosts, children }: Pick<Observed, 'hosts' | 'children'>): string[] => [
  ...hosts.flatMap(({ id, jobs }) => jobs.map((job) => `${id}: a job runs on: ${job}`)),
  ...children.map((child) => `a child runs on: ${child}`),
];

/** What holds once everything was done: every record is true and complete, and nothing else is anywhere. */
export function unrest(observed: Observed): string[] {
  const instances = instancesOf(observed);
  const databases = recordsOf<DatabaseRecord>(observed, 'databases');
  return [
    ...lies(observed),
    ...unfinished(observed),
    ...recordsOf<TaskRecord>(observed, 'tasks')
      .filter(({ state }) => state === 'unknown')
      .map(({ task_id }) => `the outcome of task ${task_id} is still unknown`),
    ...instances.flatMap((record) => missing(record, observed.hosts)),
    ...[
      ...databases.map((each) => ({ ...each, id: each.database_id, good: ['available'] })),
      ...instances.map((each) => ({ ...each, id: each.instance_id, good: ['available', 'stopped'] })),
    ]
      .filter(({ state, good }) => !IN_PROGRESS[state] && !good.includes(state))
      .map(({ id, state, error }) => `${id} is ${state}: ${error ?? ''}`),
    ...recordsOf<StoredResource>(observed, 'resources')
      .filter(({ needs_recreate, error }) => needs_recreate || error !== null)
      .map(({ type, id, error }) => `resource ${type}/${id} is to be mended: ${error ?? 'it was not found'}`),
    ...observed.hosts.flatMap(({ id, directories, units }) =>
      [...directories, ...units].filter(isRemnant).map((name) => `${id}: ${name} was left`),
    ),
    ...strays(observed, instances, databases),
  ];
}

/** What an instance's record promises and its host does not have. */
function missing({ instance_id, host_id, running }: InstanceRecord, hosts: Observed['hosts']): string[] {
  const host = hosts.find(({ id }) => id === host_id);
  if (host === undefined) return [`${instance_id}: there is no host ${host_id}`];
  return [
    ...(host.directories.includes(instance_id) ? [] : [`${host_id}: no directory of ${instance_id}`]),
    ...(host.units.includes(instance_id) ? [] : [`${host_id}: no unit of ${instance_id}`]),
    ...(host.servers.includes(instance_id) === running
      ? []
      : [`${instance_id} ${running ? 'does not run' : 'runs'}, and its record says otherwise`]),
  ];
}

/** Whose a key is, by its kind: of a database or of one of its instances. */
const OWNERS: readonly { readonly pattern: RegExp; readonly owner: 'database' | 'instance' }[] = [
  { pattern: /^\/pgctl\/v1\/(?:instances|resources|secrets|databases)\/([^/]+)/, owner: 'database' },
  { pattern: /^\/pgctl\/patroni\/([^./]+)\./, owner: 'database' },
  { pattern: /^\/pgctl\/v1\/guards\/([^/]+)$/, owner: 'instance' },
  { pattern: /^\/pgctl\/v1\/instance_statuses\/[^/]+\/([^/]+)$/, owner: 'instance' },
];

/** Keys that belong to nothing that is there, and ports that are not exactly those of the instances. */
function strays(
  { keys }: Observed,
  instances: readonly InstanceRecord[],
  databases: readonly DatabaseRecord[],
): string[] {
  const there = {
    database: new Set(databases.map(({ database_id }) => database_id)),
    instance: new Set(instances.map(({ instance_id }) => instance_id)),
  };
  const unowned = [...keys.keys()].filter((key) =>
    OWNERS.some(({ pattern, owner }) => {
      const name = pattern.exec(key)?.[1];
      return name !== undefined && !there[owner].has(name);
    }),
  );
  const ports = (entries: readonly string[]): string[] => [...entries].sort();
  const reserved = ports(
    [...keys]
      .filter(([key]) => key.startsWith('/pgctl/v1/ports/'))
      .map(([key, value]) => `${key} ${(JSON.parse(value) as { instance_id: string }).instance_id}`),
  );
  const needed = ports(
    instances.flatMap(({ instance_id, host_id, port, patroni_port }) =>
      [port, patroni_port].map((each) => `/pgctl/v1/ports/${host_id}/${each} ${instance_id}`),
    ),
  );
  return [
    ...unowned.map((key) => `${key} belongs to nothing`),
    ...reserved.filter((each) => !needed.includes(each)).map((each) => `${each}: reserved for nothing`),
    ...needed.filter((each) => !reserved.includes(each)).map((each) => `${each}: not reserved`),
  ];
}

/** Right after a fault: nothing lies, and what is in progress is somebody's or is shown as interrupted. */
export async function expectTruthful(world: World): Promise<void> {
  const observed = await observe(world);
  const databases = recordsOf<DatabaseRecord>(observed, 'databases');
  const untold = await Promise.all(
    databases.map(async ({ database_id: id }) => {
      const running = instancesOf(observed).filter(
        ({ database_id, state }) => database_id === id && IN_PROGRESS[state],
      );
      if (running.length === 0 || observed.keys.has(`/pgctl/v1/locks/databases/${id}`)) return [];
      const shown = await world.run(['db', 'get', id, '-o', 'json']);
      const { instances } = JSON.parse(shown.stdout) as {
        instances: readonly { instance_id: string; interrupted?: object }[];
      };
      return running
        .filter(
          ({ instance_id }) =>
            instances.find((each) => each.instance_id === instance_id)?.interrupted === undefined,
        )
        .map(
          ({ instance_id, state }) =>
            `${instance_id} is ${state}, without a lock and not shown as interrupted`,
        );
    }),
  );
  expect([...lies(observed), ...untold.flat(), ...processesOf(observed)]).toEqual([]);
}

/** An operation has ended by itself, however: nothing is in progress or locked, and nothing of it runs. */
export async function expectSettled(world: World): Promise<void> {
  const observed = await observe(world);
  expect([...lies(observed), ...unfinished(observed)]).toEqual([]);
}

/** Nothing is under way, and everything is as the records say. */
export async function expectAtRest(world: World): Promise<void> {
  expect(unrest(await observe(world))).toEqual([]);
}

export interface Convergence {
  /** The command that a fault interrupted. */
  readonly command: readonly string[];
  /**
   * What plans the same spec, such as `['-f', file]`, which then has to be empty; null where the command deletes
   * the database, which may be gone already.
   */
  readonly plan: readonly string[] | null;
}

const GONE = 5;

/** Running the command again ends well; then nothing is left to do, nothing is left over, and no record lies. */
export async function expectConverges(world: World, { command, plan }: Convergence): Promise<void> {
  const again = await world.run(command);
  const good = plan === null ? [0, GONE] : [0];
  expect(
    good.includes(again.exitCode) ? '' : `${command.join(' ')} ended with ${again.exitCode}:\n${said(again)}`,
  ).toBe('');
  if (plan !== null) {
    const planned = await world.run(['db', 'plan', ...plan, '--detailed-exitcode']);
    expect(planned.exitCode === 0 ? '' : `the plan is not empty:\n${said(planned)}`).toBe('');
  }
  await expectAtRest(world);
}

const said = ({ stdout, stderr }: Ran): string => `${stdout}\n${stderr}`;
