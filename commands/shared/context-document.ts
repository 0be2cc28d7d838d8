import type { ContextDocument, SettingDocument } from '../../src/ui/documents.ts';
import type { App } from './app.ts';
import { contextFile } from './context-file.ts';
import { localEndpoint } from './connection.ts';
import { contextKey, longName, VALUE_OPTIONS } from './global-options.ts';
import { furtherSettings, type Settings } from './settings.ts';

/** A URL may hold a password, which is refused where it is used; here it must not be shown. */
export const withoutPasswords = (text: string): string => text.replace(/\/\/[^/,@\s]*@/g, '//…@');

/** A context's name and every setting that holds with it. */
export async function contextDocument(
  app: App,
  settings: Settings,
  named?: string,
): Promise<ContextDocument> {
  const inUse = app.settings.context;
  const name = named ?? inUse?.value ?? null;
  const current = name !== null && inUse?.value === name;
  const local = localEndpoint(app.env);
  const rows = VALUE_OPTIONS.filter((option) => longName(option) !== 'context').map(
    (option): SettingDocument => {
      const found = settings.get(longName(option));
      if (found !== undefined)
        return {
          name: contextKey(option),
          value: withoutPasswords(found.value),
          source: found.source,
          from: found.from,
        };
      const isLocal = longName(option) === 'endpoints' && local !== undefined;
      const fallback = isLocal ? local : longName(option) === 'endpoints' ? null : (option.fallback ?? null);
      return {
        name: contextKey(option),
        value: fallback,
        source: 'default',
        from: isLocal ? 'pgctl local up' : null,
      };
    },
  );
  const further = furtherSettings(app.env).map(([setting, { value, source, from }]): SettingDocument => ({
    name: setting.replaceAll('-', '_'),
    value,
    source,
    from,
  }));
  return {
    kind: 'Context',
    name,
    current,
    from: current ? (inUse?.from ?? null) : null,
    file: contextFile(app.env),
    settings: [...rows, ...further],
  };
}
