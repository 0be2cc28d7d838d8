import type { Cost, PlanEvent } from '../plan/plan.ts';
import { needsRestart } from '../spec/restarts.ts';
import { attributesOf } from './type.ts';

type Values = Readonly<Record<string, string>>;

/** The attributes of an instance whose change costs something. */
interface CostlyAttributes {
  readonly running: boolean;
  readonly restart_requested: string | null;
  readonly port: number;
  readonly rest: string;
  readonly settings: { readonly parameters: Values };
}

/** What an instance's event costs, by what differs: the same differences that settling it restarts for. */
export function instanceCost({ type, reason, resource, previous }: PlanEvent): Cost | null {
  if (type !== 'update' || previous === null) return null;
  const [before, after] = [previous, resource].map((each) => attributesOf<CostlyAttributes>(each));
  if (before === undefined || after === undefined || !before.running) return null;
  if (!after.running) return { kind: 'stop' };
  const changed = changedNames(before.settings.parameters, after.settings.parameters);
  const because = [
    ...(after.restart_requested === before.restart_requested ? [] : ['a restart is asked for']),
    ...(after.port === before.port ? [] : ['port']),
    ...(after.rest === before.rest ? [] : ["Patroni's address"]),
    ...changed.filter((name) => needsRestart(name) === 'yes'),
  ];
  if (because.length > 0) return { kind: 'restart', certain: true, because };
  const perhaps = changed.filter((name) => needsRestart(name) === 'perhaps');
  // What a failed update had written already is not known here.
  if (reason === 'has_error') perhaps.push('the last operation on it failed');
  return perhaps.length === 0 ? null : { kind: 'restart', certain: false, because: perhaps };
}

/** Sorted: what is set, changed or taken out. */
function changedNames(before: Values, after: Values): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).sort();
}
