import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';

/** As `-o json` prints it: over several lines, for people read it too. */
export function toJsonText(document: object): string {
  return escapeControls(JSON.stringify(document, null, 2));
}

/** On one line. */
export function toJsonLine(value: object): string {
  return escapeControls(JSON.stringify(value));
}

/** As `-o yaml` prints it. */
export function toYamlText(document: object): string {
  // Loading it takes longer than all the rest of the user interface, so only those who ask for it wait.
  const yaml = createRequire(import.meta.url)('yaml') as typeof Yaml;
  const parsed = new yaml.Document(JSON.parse(JSON.stringify(document)) as unknown);
  yaml.visit(parsed, {
    Scalar(_key, node) {
      // Only between double quotes can they be written as escapes.
      if (typeof node.value === 'string' && CONTROL.test(node.value)) node.type = yaml.Scalar.QUOTE_DOUBLE;
    },
  });
  return escapeControls(parsed.toString({ lineWidth: 0 }).trimEnd());
}

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
/** Those that neither format has to escape, though terminals act on them. */
const UNESCAPED = /[\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

function escapeControls(text: string): string {
  return text.replace(
    UNESCAPED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
