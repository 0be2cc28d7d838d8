import { performance } from 'node:perf_hooks';
import { planOperation } from '../../src/plan/plan-operation.ts';
import { summarize } from '../../src/plan/summary.ts';
import { buildFleet, storedFleet } from './fleet.ts';

// Plans once, as a command does, and prints the milliseconds that it took and the megabytes at its peak:
// `node --import tsx plan-once.ts create|no-op|delete <instances>`.
const [what, size] = [process.argv[2], Number(process.argv[3])];
const fleet = { first: 0, size };
const desired = what === 'delete' ? [] : buildFleet(fleet);
const current = what === 'create' ? [] : storedFleet(fleet);
const since = performance.now();
const events = summarize(planOperation({ current, desired: [desired] }).plans);
const milliseconds = performance.now() - since;
const planned = Object.values(events).reduce((sum, count) => sum + count, 0);
const expected = what === 'no-op' ? 0 : Math.max(desired.length, current.length);
if (planned !== expected) throw new Error(`${planned} events are planned, not ${expected}`);
console.log(JSON.stringify({ milliseconds, megabytes: process.resourceUsage().maxRSS / 1024 }));
