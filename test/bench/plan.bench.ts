import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { planOperation } from '../../src/plan/plan-operation.ts';
import type { Executor, Resource, ResourceKey, StoredResource } from '../../src/plan/resource.ts';
import { summarize } from '../../src/plan/summary.ts';

// How long planning takes, and how that grows: `npx tsx test/bench/plan.bench.ts [--markdown]`. Fails over its
// limits, which leave a slow machine room and a quadratic step none: that would show as a ratio of 100.
const SIZES = { small: 1_000, large: 10_000 } as const;
const LIMITS = { seconds: 3, ratio: 12, megabytes: 500 } as const;
const ROUNDS = 9;
const PER_NODE = 3;

type Size = keyof typeof SIZES;

/** As many instances, numbered from the first. */
interface Fleet {
  readonly first: number;
  readonly size: number;
}

interface Case {
  readonly name: 'create' | 'no-op' | 'delete';
  readonly current: (fleet: Fleet) => StoredResource[];
  readonly desired: (fleet: Fleet) => Resource[];
  readonly events: (resources: number) => number;
}

const CASES: readonly Case[] = [
  { name: 'create', current: () => [], desired: buildFleet, events: (resources) => resources },
  { name: 'no-op', current: storedFleet, desired: buildFleet, events: () => 0 },
  { name: 'delete', current: storedFleet, desired: () => [], events: (resources) => resources },
];

interface Row {
  readonly name: string;
  readonly seconds: Readonly<Record<Size, number>>;
  readonly ratio: number;
}

/** Databases of one node with three instances each, as the planners build them. */
function buildFleet({ first, size }: Fleet): Resource[] {
  const resources: Resource[] = [];
  for (let start = 0; start < size; start += PER_NODE) {
    const hosts = Array.from(
      { length: Math.min(PER_NODE, size - start) },
      (_, member) => first + start + member,
    );
    resources.push(...buildNode(`db-${first + start}.n1`, hosts));
  }
  return resources;
}

function buildNode(scope: string, hosts: readonly number[]): Resource[] {
  const primary: Executor = { kind: 'primary', node: scope };
  const scopeKey: ResourceKey = `patroni_scope/${scope}`;
  const nodeKey: ResourceKey = `node/${scope}`;
  const instances = hosts.map((host) => buildInstance(scope, `host-${String(host)}`, scopeKey));
  const roles = ['owner', 'app'].map((name) => ({
    ...build(`postgres_role/${scope}.${name}`, primary, [nodeKey]),
    attributes: { name, login: true, verifier: 'b1946ac92492d2347c6235b4d2611184' },
    contained_in: nodeKey,
  }));
  return [
    { ...build(scopeKey, { kind: 'controller' }, []), attributes: { scope } },
    ...instances.flat(),
    {
      ...build(
        nodeKey,
        primary,
        hosts.map((host) => `instance/${scope}.host-${String(host)}` as const),
      ),
      attributes: { members: hosts.map((host) => `host-${String(host)}`) },
    },
    ...roles,
    {
      ...build(`postgres_database/${scope}.shop`, primary, [`postgres_role/${scope}.owner`, nodeKey]),
      attributes: { name: 'shop', owner: 'owner', encoding: 'UTF8' },
      contained_in: nodeKey,
    },
  ];
}

function buildInstance(scope: string, host: string, scopeKey: ResourceKey): Resource[] {
  const id = `${scope}.${host}`;
  const executor: Executor = { kind: 'host', host };
  return [
    {
      ...build(`directory/${id}`, executor, []),
      attributes: { path: `/var/lib/pgctl/${id}`, owner: 'postgres', mode: '0700' },
    },
    {
      ...build(`patroni_config/${id}`, executor, [`directory/${id}`]),
      attributes: {
        port: 5432,
        patroni_port: 8008,
        parameters: { max_connections: '100', shared_buffers: '128MB', wal_level: 'logical' },
        hba: ['local all postgres peer', 'host all all 127.0.0.1/32 scram-sha-256'],
      },
      diff_ignore: ['/bootstrap'],
    },
    {
      ...build(`unit/${id}`, executor, [`patroni_config/${id}`, scopeKey]),
      attributes: { unit: `pgctl-${id}.service` },
    },
    {
      ...build(`instance/${id}`, executor, [`unit/${id}`]),
      attributes: { running: true, restart_requested: null, version: '17' },
    },
  ];
}

function build(key: ResourceKey, executor: Executor, dependencies: readonly ResourceKey[]): Resource {
  const slash = key.indexOf('/');
  return {
    type: key.slice(0, slash),
    id: key.slice(slash + 1),
    executor,
    attributes: {},
    dependencies,
    // In the layer that it has anyway, to see what a dependency on a whole type costs.
    type_dependencies: key.startsWith('postgres_database/') ? ['node'] : [],
    diff_ignore: [],
    version: 1,
    contained_in: null,
  };
}

function storedFleet(fleet: Fleet): StoredResource[] {
  return buildFleet(fleet).map((resource) => ({ ...resource, needs_recreate: false, error: null }));
}

/**
 * Seconds of one plan of the size, in the median round. A round plans the same number of instances at either size,
 * each time other ones: ten plans of 1,000 or one of 10,000. So both miss the processor's caches and pay for their
 * garbage alike, and what differs is the growth of the cost. A small plan repeated does neither.
 */
function measure(what: Case, size: Size): number {
  const inputs = Array.from({ length: SIZES.large / SIZES[size] }, (_, index) => {
    const first = index * SIZES[size];
    const desired = [what.desired({ first, size: SIZES[size] })];
    return { current: what.current({ first, size: SIZES[size] }), desired };
  });
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    const planned = inputs.map((input) => planOperation(input));
    const seconds = (performance.now() - start) / 1000;
    planned.forEach(({ plans }, index) => {
      const input = inputs[index];
      const count = Object.values(summarize(plans)).reduce((sum, events) => sum + events, 0);
      const expected = what.events(Math.max(input?.current.length ?? 0, input?.desired[0]?.length ?? 0));
      if (count !== expected) throw new Error(`${what.name}: ${count} events, not ${expected}`);
    });
    return seconds / inputs.length;
  });
  return rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
}

function findExcesses(rows: readonly Row[], megabytes: number): string[] {
  const slow = rows.filter(({ seconds }) => seconds.large > LIMITS.seconds);
  const steep = rows.filter(({ ratio }) => ratio > LIMITS.ratio);
  return [
    ...slow.map(
      ({ name, seconds }) => `${name}: ${seconds.large.toFixed(2)} s is over ${String(LIMITS.seconds)} s`,
    ),
    ...steep.map(({ name, ratio }) => `${name}: ratio ${ratio.toFixed(1)} is over ${String(LIMITS.ratio)}`),
    ...(megabytes > LIMITS.megabytes
      ? [`memory: ${megabytes.toFixed(0)} MB is over ${String(LIMITS.megabytes)} MB`]
      : []),
  ];
}

function renderTable(rows: readonly Row[], markdown: boolean): string {
  const head = ['plan', '1,000 instances', '10,000 instances', 'ratio'];
  const body = rows.map(({ name, seconds, ratio }) => [
    name,
    `${seconds.small.toFixed(3)} s`,
    `${seconds.large.toFixed(3)} s`,
    ratio.toFixed(1),
  ]);
  const line = (cells: readonly string[]) =>
    markdown
      ? `| ${cells.join(' | ')} |`
      : cells
          .map((cell) => cell.padEnd(18))
          .join('')
          .trimEnd();
  const rule = markdown ? ['|---|--:|--:|--:|'] : [];
  return [line(head), ...rule, ...body.map(line)].join('\n');
}

function main(): void {
  const rows = CASES.map((what): Row => {
    const seconds = { small: measure(what, 'small'), large: measure(what, 'large') };
    return { name: what.name, seconds, ratio: seconds.large / seconds.small };
  });
  const megabytes = process.resourceUsage().maxRSS / 1024;
  const resources = buildFleet({ first: 0, size: SIZES.large }).length.toLocaleString('en-US');
  const excesses = findExcesses(rows, megabytes);
  process.stdout.write(`${renderTable(rows, process.argv.includes('--markdown'))}\n\n`);
  process.stdout.write(
    `10,000 instances are ${resources} resources; peak memory ${megabytes.toFixed(0)} MB.\n`,
  );
  for (const excess of excesses) process.stderr.write(`over the limit: ${excess}\n`);
  if (excesses.length > 0) process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
