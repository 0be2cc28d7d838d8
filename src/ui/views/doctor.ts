import type { DoctorReportDocument } from '../documents.ts';
import { count } from '../quantity.ts';
import type { Theme } from '../theme.ts';
import { showFindings } from './finding.ts';

/** What is wrong and what mends it, and how much was looked at. */
export function showDoctorReport({ findings, checked }: DoctorReportDocument, theme: Theme): string {
  const looked = [
    'this machine',
    count(checked.endpoints, 'etcd endpoint'),
    count(checked.hosts, 'host'),
    count(checked.databases, 'database'),
  ];
  const wrong = findings.filter(({ severity }) => severity !== 'info').length;
  const notes = findings.length - wrong;
  const sum = [
    wrong === 0 ? theme.good('Nothing is wrong.') : theme.strong(`${count(wrong, 'thing')} to mend.`),
    ...(notes === 0 ? [] : [`${count(notes, 'note')}.`]),
    theme.faint(`Looked at ${looked.join(', ')}.`),
  ].join(' ');
  return findings.length === 0 ? sum : [showFindings(findings, theme), '', sum].join('\n');
}
