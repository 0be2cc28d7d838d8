import type { DatabaseDocument, InstanceDocument, StatusDocument } from '../documents.ts';
import { oneLine } from '../clean.ts';
import { stateText } from './interrupted.ts';

/** What is different from before, a line each; from nothing, all there is. */
export function statusChanges(before: StatusDocument | null, after: StatusDocument): string[] {
  const [then, now] = [things(before), things(after)];
  const [found, lost] = [findings(after), findings(before)];
  return [
    ...[...then.keys()].flatMap((name) => (now.has(name) ? [] : [`${name}: gone`])),
    ...[...now].flatMap(([name, state]) => {
      const old = then.get(name);
      if (old === state) return [];
      return [old === undefined ? `${name}: ${state}` : `${name}: ${old} → ${state}`];
    }),
    ...difference(found, lost),
    ...difference(lost, found).map((line) => `no longer: ${line}`),
  ];
}

/** What state each database and each instance is in, by its id. */
function things(status: StatusDocument | null): ReadonlyMap<string, string> {
  return new Map(
    (status?.databases ?? []).flatMap((database) => [
      [database.id, databaseText(database)] as const,
      ...database.instances.map((one) => [one.instance_id, instanceText(one)] as const),
    ]),
  );
}

const databaseText = ({ state, interrupted }: DatabaseDocument): string => stateText(state, interrupted);

function instanceText({ state, interrupted, role, pending_restart }: InstanceDocument): string {
  const words = [stateText(state, interrupted), role ?? '', pending_restart ? 'restart pending' : ''];
  return words.filter((word) => word !== '').join(', ');
}

/** How far a replica is behind changes all the time; that it is too far behind is told by its subject. */
function findings(status: StatusDocument | null): string[] {
  return (status?.findings ?? [])
    .filter(({ severity }) => severity !== 'info')
    .map(({ severity, subject, message }) =>
      oneLine(`${severity}: ${subject}: ${message.replace(/\d+ MiB behind/, 'far behind')}`),
    );
}

function difference(a: readonly string[], b: readonly string[]): string[] {
  const others = new Set(b);
  return a.filter((line) => !others.has(line));
}
