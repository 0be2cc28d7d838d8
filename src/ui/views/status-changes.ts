import type { DatabaseDocument, InstanceDocument, StatusDocument } from '../documents.ts';
import { oneLine } from '../clean.ts';
import { stateText } from './interrupted.ts';

/** What is different from before, a line each; from nothing, all there is. */
export function statusChanges(before: StatusDocument | null, after: StatusDocument): string[] {
  return [
    ...things(before).flatMap(([name]) => (has(things(after), name) ? [] : [`${name}: gone`])),
    ...things(after).flatMap(([name, now]) => {
      const then = things(before).find(([other]) => other === name)?.[1];
      if (then === now) return [];
      return [then === undefined ? `${name}: ${now}` : `${name}: ${then} → ${now}`];
    }),
    ...difference(findings(after), findings(before)),
    ...difference(findings(before), findings(after)).map((line) => `no longer: ${line}`),
  ];
}

type Thing = readonly [name: string, state: string];

function things(status: StatusDocument | null): Thing[] {
  return (status?.databases ?? []).flatMap((database) => [
    [database.id, databaseText(database)] as const,
    ...database.instances.map((instance): Thing => [instance.instance_id, instanceText(instance)]),
  ]);
}

const has = (all: readonly Thing[], name: string): boolean => all.some(([other]) => other === name);

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

const difference = (a: readonly string[], b: readonly string[]): string[] =>
  a.filter((line) => !b.includes(line));
