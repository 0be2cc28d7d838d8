import type { DatabaseDocument, StatusDocument } from '../documents.ts';
import { count, formatDuration } from '../quantity.ts';
import { paintState, type Theme } from '../theme.ts';
import { showFindings } from './finding.ts';
import { instanceTable } from './instance.ts';
import { stateText } from './interrupted.ts';

/** Every database with its instances, and below them what is wrong and what mends it. */
export function showStatus({ databases, findings }: StatusDocument, theme: Theme): string {
  const shown = databases.map((database) => databaseStatus(database, theme));
  if (shown.length === 0) shown.push('No databases.');
  if (findings.length === 0) return [...shown, 'Nothing is wrong.'].join('\n\n');
  const title = theme.strong(count(findings.length, 'finding'));
  return [...shown, `${title}\n${showFindings(findings, theme)}`].join('\n\n');
}

/** The status on a screen that is drawn anew. */
export function showWatchedStatus({ status, ageMs, silence }: WatchedStatus, theme: Theme): string {
  const age =
    ageMs === null
      ? ''
      : `as of ${formatDuration(Math.floor(ageMs / 1000) * 1000).replace('.0 s', ' s')} ago`;
  const why = silence === null ? '' : ': etcd does not answer';
  const title = `pgctl status${age === '' ? '' : ` ${theme.bad(`${age}${why}`)}`} ${theme.faint('(q ends it)')}`;
  return [title, '', showStatus(status, theme)].join('\n');
}

export interface WatchedStatus {
  readonly status: StatusDocument;
  /** How old it is, in milliseconds; null while it is current. */
  readonly ageMs: number | null;
  /** What keeps it from being current; null for nothing. */
  readonly silence: string | null;
}

function databaseStatus({ id, state, interrupted, instances }: DatabaseDocument, theme: Theme): string {
  const title = `${theme.strong(id)}: ${paintState(theme, state, stateText(state, interrupted))}`;
  return [title, instances.length === 0 ? 'No instances.' : instanceTable(instances, theme)].join('\n');
}
