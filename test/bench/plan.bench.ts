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
const ROUNDS = 5;
/** Measurements of a plan that seems to grow too fast: a busy machine does not disturb all, a steep step does. */
const ATTEMPTS = 3;
/** They leave a slow machine room, and a quadratic step none: its growth would be near 100. */
const LIMITS = { seconds: 3, growth: 20, megabytes: 500 } as const;

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
  /** How many times the processor time of 1,000 instances 10,000 take, and how many a bare look-up takes. */
  readonly ratio: number;
  readonly bareRatio: number;
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
function lookUp({ current, desired }: Input): void {
  const resources = desired.length > 0 ? desired : current;
  const known = new Map(resources.map((resource) => [resourceKey(resource), resource]));
  const found = resources.filter(({ dependencies }) => dependencies.every((key) => known.has(key)));
  const sorted = [...found].sort(compareResources);
  if (sorted.length !== resources.length) throw new Error('a dependency is missing');
}

function buildCases(): readonly Case[] {
  const numbers = Array.from({ length: PARTS }, (_, part) => ({ first: part * SMALL, size: SMALL }));
  const fleets = numbers.map((fleet) => ({ desired: buildFleet(fleet), current: storedFleet(fleet) }));
  const toCreate = fleets.map(({ desired }) => ({ desired, current: [] }));
  const toDelete = fleets.map(({ current }) => ({ desired: [], current }));
  return [
    { name: 'create', run: (input) => plan(input, input.desired.length), inputs: toCreate },
    { name: 'no-op', run: (input) => plan(input, 0), inputs: fleets },
    { name: 'delete', run: (input) => plan(input, input.current.length), inputs: toDelete },
  ];
}

function together(inputs: readonly Input[]): Input {
  return {
    current: inputs.flatMap(({ current }) => current),
    desired: inputs.flatMap(({ desired }) => desired),
  };
}

/**
 * The best of some rounds, which is what the work costs where nothing disturbs it. A round handles the same resources
 * in ten parts, of which the tenth is the time for 1,000 instances, and at once: so that a small plan does not find
 * its data in the caches from the round before, which a large one never does. The bare look-up is measured alike.
 */
function measure({ name, run, inputs }: Case): Figures {
  const all = together(inputs);
  const best = { parts: never(), whole: never(), bareParts: never(), bareWhole: never() };
  for (let round = 0; round < ROUNDS; round += 1) {
    best.parts = better(
      best.parts,
      clock(() => inputs.forEach(run)),
    );
    best.whole = better(
      best.whole,
      clock(() => run(all)),
    );
    best.bareParts = better(
      best.bareParts,
      clock(() => inputs.forEach(lookUp)),
    );
    best.bareWhole = better(
      best.bareWhole,
      clock(() => lookUp(all)),
    );
  }
  return {
    name,
    small: best.parts.seconds / PARTS,
    large: best.whole.seconds,
    ratio: (best.whole.work / best.parts.work) * PARTS,
    bareRatio: (best.bareWhole.work / best.bareParts.work) * PARTS,
  };
}

function measureUntilCalm(what: Case): Figures {
  let figures = measure(what);
  for (let attempt = 1; attempt < ATTEMPTS && growth(figures) > LIMITS.growth; attempt += 1) {
    const again = measure(what);
    if (growth(again) < growth(figures)) figures = again;
  }
  return figures;
}

interface Clocked {
  readonly seconds: number;
  /** Processor time, in microseconds: a busy machine stretches the time that passes more than this. */
  readonly work: number;
}

function clock(run: () => void): Clocked {
  const [start, used] = [performance.now(), process.cpuUsage()];
  run();
  const { user, system } = process.cpuUsage(used);
  return { seconds: (performance.now() - start) / 1000, work: user + system };
}

function better(a: Clocked, b: Clocked): Clocked {
  return { seconds: Math.min(a.seconds, b.seconds), work: Math.min(a.work, b.work) };
}

function never(): Clocked {
  return { seconds: Infinity, work: Infinity };
}

function findExcesses(plans: readonly Figures[], megabytes: number): string[] {
  const found = plans.flatMap(({ name, large, ratio, bareRatio }) => [
    { what: `${name}, seconds`, is: large, limit: LIMITS.seconds },
    { what: `${name}, growth`, is: growth({ ratio, bareRatio }), limit: LIMITS.growth },
  ]);
  return [...found, { what: 'megabytes', is: megabytes, limit: LIMITS.megabytes }]
    .filter(({ is, limit }) => !(is <= limit))
    .map(({ what, is, limit }) => `${what}: ${is.toFixed(2)} is over ${limit}`);
}

/** 10 is linear: the growth of the cost less what the machine adds to anything of that size. */
function growth({ ratio, bareRatio }: Pick<Figures, 'ratio' | 'bareRatio'>): number {
  return (ratio / bareRatio) * PARTS;
}

function renderTable(plans: readonly Figures[], markdown: boolean): string {
  const head = ['plan', '1,000 instances', '10,000 instances', 'ratio', 'bare ratio', 'growth'];
  const body = plans.map((figures) => [
    figures.name,
    `${figures.small.toFixed(3)} s`,
    `${figures.large.toFixed(3)} s`,
    figures.ratio.toFixed(1),
    figures.bareRatio.toFixed(1),
    growth(figures).toFixed(1),
  ]);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell) => cell.padEnd(18))
      .join('')
      .trimEnd();
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return markdown
    ? [row(head), '|---|--:|--:|--:|--:|--:|', ...body.map(row)].join('\n')
    : [head, ...body].map(line).join('\n');
}

function main(): void {
  const cases = buildCases();
  // Once each, at full size, before the rounds fill the memory with what is left of earlier ones.
  for (const { run, inputs } of cases) run(together(inputs));
  const megabytes = process.resourceUsage().maxRSS / 1024;
  const plans = cases.map(measureUntilCalm);
  const resources = (cases[0]?.inputs ?? []).reduce((sum, { desired }) => sum + desired.length, 0);
  const excesses = findExcesses(plans, megabytes);
  console.log(renderTable(plans, process.argv.includes('--markdown')));
  console.log(
    '\nratio: how many times the processor time of 1,000 instances 10,000 take; bare ratio: the same of',
  );
  console.log('sorting the resources and looking up what they depend on; growth: 10 × ratio / bare ratio.');
  console.log(`10,000 instances are ${resources} resources; peak memory ${megabytes.toFixed(0)} MB.`);
  for (const excess of excesses) console.error(`over the limit: ${excess}`);
  if (excesses.length > 0) process.exitCode = 1;
}

main();
