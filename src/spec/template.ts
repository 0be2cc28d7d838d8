import type { Json } from '../json.ts';
import { type SpecField, specOutline } from './outline.ts';

/** What a new spec begins with. */
export interface TemplateValues {
  readonly id: string;
  readonly hosts: readonly string[];
}

const WIDTH = 96;
const HEAD = `A database for pgctl. Fields that are commented out can stay so, or be left out.
Check it with \`pgctl spec validate\`, see what it would do with \`pgctl db plan -f\`, and have it done with \`pgctl db apply -f\`.`;

/** Optional fields that stand there uncommented: what hardly a database goes without. */
const SHOWN: ReadonlySet<string> = new Set(['database_users', 'db_owner', 'attributes']);
/** Better for a template than the schema's example. */
const EXAMPLES: Readonly<Record<string, Json>> = { attributes: ['LOGIN'] };

/**
 * A spec to be edited: every field with its description, valid as it is and with any of its fields uncommented.
 * A line that begins with `# ` is prose; with `#` and anything else a field.
 */
export function specTemplate({ id, hosts }: TemplateValues): string {
  const given: Readonly<Record<string, Json>> = {
    id,
    database_name: id.replaceAll('-', '_'),
    host_ids: [...hosts],
  };
  const example = (field: SpecField): Json => given[field.name] ?? EXAMPLES[field.name] ?? field.example;

  const lines = (fields: readonly SpecField[], indent: string, list: boolean): string[] =>
    fields.flatMap((field, index) => {
      const off = !field.required && !SHOWN.has(field.name);
      // The first field of a list's item bears the dash; what describes it stands above.
      const lead = list && index === 0 ? `${indent.slice(2)}- ` : indent;
      const mark = (line: string): string => (off ? `${indent}#${line.slice(indent.length)}` : line);
      return [
        ...(list ? [] : ['']),
        ...wrapped(field.description, index === 0 && list ? indent.slice(2) : indent),
        ...valueLines(`${lead}${field.name}:`, field, indent).map(mark),
      ];
    });
  const valueLines = (name: string, field: SpecField, indent: string): string[] => {
    if (field.fields.length > 0) return [name, ...lines(field.fields, `${indent}    `, true)];
    const value = example(field);
    if (typeof value !== 'object' || value === null) return [`${name} ${scalar(value)}`];
    if (Array.isArray(value)) {
      const items = value as readonly Json[];
      const short = items.every((item) => typeof item === 'string' && /^[\w-]+$/.test(item));
      return short
        ? [`${name} [${items.map(scalar).join(', ')}]`]
        : [name, ...items.map((item) => `${indent}  - ${scalar(item)}`)];
    }
    return [name, ...Object.entries(value).map(([key, one]) => `${indent}  ${key}: ${scalar(one)}`)];
  };
  return `${[...wrapped(HEAD, ''), ...lines(specOutline(), '', false)].join('\n')}\n`;
}

/** As YAML takes it: in quotes where it would be taken for a number, or for true, false or nothing. */
function scalar(value: Json): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^(\d.*|true|false|null)$/.test(value) ? JSON.stringify(value) : value;
}

/** Prose as comments. */
function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = `${indent}#`;
    for (const word of paragraph.split(' ')) {
      if (line.length + word.length + 1 > WIDTH && line !== `${indent}#`) {
        lines.push(line);
        line = `${indent}#`;
      }
      line += ` ${word}`;
    }
    lines.push(line);
  }
  return lines;
}
