import { performance } from 'node:perf_hooks';
import { compareResources } from '../../src/plan/graph.ts';
import { planOperation } from '../../src/plan/plan-operation.ts';
import { type Resource, type StoredResource, resourceKey } from '../../src/plan/resource.ts';
import { summarize } from '../../src/plan/summary.ts';
import { buildFleet, storedFleet } from './fleet.ts';

// How long planning takes, and how that grows: `npx tsx test/bench/plan.bench.ts [--markdown]`.
const SMALL = 1_000;
const LARGE = 10_000;
const PARTS = LARGE / SMALL;
const ROUNDS = 7;
/** The growth of the cost is one of `ratio` less what the machine itself adds to it, see `lookUp`. */
const LIMITS = { seconds: 3, growth: 12, megabytes: 500 } as const;

/** What is planned, in ten parts of 1,000 instances each: for the 10,000 they are put together. */
interface Input {
  readonly current: readonly StoredResource[];
  readonly desired: readonly Resource[];
}

interface Case {
  readonly name: string;
  readonly run: (input: Input) => void;
  readonly inputs: readonly Input[];
}

interface Figures {
  readonly name: string;
  /** Seconds for 1,000 and for 10,000 instances. */
  readonly small: number;
  readonly large: number;
  readonly ratio: number;
}

function plan(input: Input, expected: number): void {
  const { plans } = planOperation({ current: input.current, desired: [input.desired] });
  const events = Object.values(summarize(plans)).reduce((sum, count) => sum + count, 0);
  if (events !== expected) throw new Error(`${events} events are planned, not ${expected}`);
}

/**
 * The least that any planner does: each resource into a map by its key, each dependency looked up, all in order.
 * Ten times as many resources take more than ten times as long even so, as they do not fit the processor's caches.
 */
function lookUp({ desired }: Input): void {
  const known = new Map(desired.map((resource) => [resourceKey(resource), resource]));
  const found = desired.filter(({ dependencies }) => dependencies.every((key) => known.has(key)));
  const sorted = [...found].sort(compareResources);
  if (sorted.length !== desired.length) throw new Error('a dependency is missing');
}

function buildCases(): { readonly bare: Case; readonly plans: readonly Case[] } {
  const numbers = Array.from({ length: PARTS }, (_, part) => ({ first: part * SMALL, size: SMALL }));
  const fleets = numbers.map((fleet) => ({ desired: buildFleet(fleet), current: storedFleet(fleet) }));
  const toCreate = fleets.map(({ desired }) => ({ desired, current: [] }));
  const toDelete = fleets.map(({ current }) => ({ desired: [], current }));
  return {
    bare: { name: 'bare look-up', run: lookUp, inputs: toCreate },
    plans: [
      { name: 'create', run: (input) => plan(input, input.desired.length), inputs: toCreate },
      { name: 'no-op', run: (input) => plan(input, 0), inputs: fleets },
      { name: 'delete', run: (input) => plan(input, input.current.length), inputs: toDelete },
    ],
  };
}

function together(inputs: readonly Input[]): Input {
  return {
    current: inputs.flatMap(({ current }) => current),
    desired: inputs.flatMap(({ desired }) => desired),
  };
}

/**
 * Median times. A round handles the same resources twice: in ten parts, of which the tenth is the time for 1,000
 * instances, and at once. So garbage and whatever else the machine does at the time weigh on both alike.
 */
function measure({ name, run, inputs }: Case): Figures {
  const all = together(inputs);
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    for (const input of inputs) run(input);
    const middle = performance.now();
    run(all);
    return { small: (middle - start) / 1000 / PARTS, large: (performance.now() - middle) / 1000 };
  });
  const small = median(rounds.map((round) => round.small));
  const large = median(rounds.map((round) => round.large));
  return { name, small, large, ratio: median(rounds.map((round) => round.large / round.small)) };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function findExcesses(plans: readonly Figures[], bare: Figures, megabytes: number): string[] {
  const found = plans.flatMap(({ name, large, ratio }) => [
    { what: `${name}, seconds`, is: large, limit: LIMITS.seconds },
    { what: `${name}, growth`, is: growth(ratio, bare), limit: LIMITS.growth },
  ]);
  return [...found, { what: 'megabytes', is: megabytes, limit: LIMITS.megabytes }]
    .filter(({ is, limit }) => !(is <= limit))
    .map(({ what, is, limit }) => `${what}: ${is.toFixed(2)} is over ${limit}`);
}

/** 10 is linear: what is left when the growth of the bare look-up is taken for that. */
function growth(ratio: number, bare: Figures): number {
  return (ratio / bare.ratio) * PARTS;
}

function renderTable(plans: readonly Figures[], bare: Figures, markdown: boolean): string {
  const head = ['', '1,000 instances', '10,000 instances', 'ratio', 'growth'];
  const body = [bare, ...plans].map((row) => [
    row.name,
    `${row.small.toFixed(3)} s`,
    `${row.large.toFixed(3)} s`,
    row.ratio.toFixed(1),
    growth(row.ratio, bare).toFixed(1),
  ]);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell) => cell.padEnd(18))
      .join('')
      .trimEnd();
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return markdown
    ? [row(head), '|---|--:|--:|--:|--:|', ...body.map(row)].join('\n')
    : [head, ...body].map(line).join('\n');
}

function main(): void {
  const cases = buildCases();
  // Once each, at full size, before the rounds fill the memory with what is left of earlier ones.
  for (const { run, inputs } of cases.plans) run(together(inputs));
  const megabytes = process.resourceUsage().maxRSS / 1024;
  const bare = measure(cases.bare);
  const plans = cases.plans.map(measure);
  const resources = cases.bare.inputs.reduce((sum, { desired }) => sum + desired.length, 0);
  const excesses = findExcesses(plans, bare, megabytes);
  console.log(renderTable(plans, bare, process.argv.includes('--markdown')));
  console.log(`\n10,000 instances are ${resources} resources; peak memory ${megabytes.toFixed(0)} MB.`);
  for (const excess of excesses) console.error(`over the limit: ${excess}`);
  if (excesses.length > 0) process.exitCode = 1;
}

main();
