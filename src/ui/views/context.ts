import type { ContextDocument, ContextListDocument, SettingDocument } from '../documents.ts';
import { fields } from '../fields.ts';
import { type Column, table } from '../table.ts';
import type { Theme } from '../theme.ts';

/** Every setting with its value and where it comes from. */
export function showContext({ name, from, file, settings }: ContextDocument, theme: Theme): string {
  const columns: Column<SettingDocument>[] = [
    { title: 'SETTING', text: ({ name: setting }) => setting },
    { title: 'VALUE', text: ({ value }) => value ?? '-', gives: true },
    {
      title: 'FROM',
      text: ({ source, from: origin }) => (source === 'default' ? 'default' : (origin ?? source)),
      paint: (text, { source }) => (source === 'default' ? theme.faint(text) : text),
    },
  ];
  const about = fields(theme, [
    ['file', file],
    ['in use', from === null ? null : `by ${from}`],
  ]);
  const title = theme.strong(name === null ? 'No context is in use' : `Context ${name}`);
  return [title, about, '', table(columns, settings, theme)].join('\n');
}

export function showContextList({ file, items }: ContextListDocument, theme: Theme): string {
  if (items.length === 0)
    return `No contexts in ${file}. \`pgctl help environment\` says what it looks like.`;
  const columns: Column<ContextListDocument['items'][number]>[] = [
    { title: '', text: ({ current }) => (current ? '*' : ''), paint: (text) => theme.good(text) },
    { title: 'CONTEXT', text: ({ name }) => name },
    { title: 'ENDPOINTS', text: ({ settings }) => settings['endpoints'] ?? '-', gives: true },
    { title: 'PREFIX', text: ({ settings }) => settings['prefix'] ?? '', optional: true },
    { title: 'USER', text: ({ settings }) => settings['etcd_user'] ?? '', optional: true },
    { title: 'PROBLEM', text: ({ error }) => error ?? '', paint: theme.bad, optional: true },
  ];
  return table(columns, items, theme);
}
