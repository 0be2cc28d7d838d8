import { stripVTControlCharacters } from 'node:util';

// Control characters but tab and newline, and the marks that make a terminal show text in another order than
// it is in: an error that comes from a host must not write over what pgctl said.
const HARMFUL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text that comes from hosts, records or the user, without anything a terminal would act on. */
export function cleanText(text: string): string {
  return stripVTControlCharacters(text).replace(HARMFUL, '');
}

/** A text with colours of pgctl's own, without anything else that a terminal would act on. */
export function cleanPainted(text: string): string {
  return text
    .split(/(\u001b\[[\d;]*m)/)
    .map((part, at) => (at % 2 === 1 ? part : cleanText(part)))
    .join('');
}

/** The same as `cleanText` for every text in a document, keys included. */
export function cleanDocument<T>(value: T): T {
  return clean(value) as T;
}

function clean(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [cleanText(key), clean(item)]));
}

/** On one line, for places where a second line could pass for something pgctl says. */
export function oneLine(text: string): string {
  return cleanText(text)
    .trim()
    .replace(/\s*\n\s*/g, ' / ');
}

/** Every line after the first is indented, for the same reason. */
export function indentRest(text: string, indent = '  '): string {
  return cleanText(text).trimEnd().replace(/\n/g, `\n${indent}`);
}
