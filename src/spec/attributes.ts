import { didYouMean } from './nearest.ts';
import { oneOf, shown } from './wording.ts';

/** Attributes of a role that are either on or off; each has its opposite, with NO before it. */
const SWITCHES = [
  'LOGIN',
  'SUPERUSER',
  'CREATEDB',
  'CREATEROLE',
  'REPLICATION',
  'BYPASSRLS',
  'INHERIT',
] as const;

/** Attributes as `CREATE ROLE` takes them, besides `CONNECTION LIMIT n`. */
export const ROLE_ATTRIBUTES: readonly string[] = SWITCHES.flatMap((name) => [name, `NO${name}`]);

const CONNECTION_LIMIT = /^CONNECTION LIMIT (-1|0|[1-9][0-9]{0,8})$/;

/** An attribute as Postgres writes it: upper case, single spaces. */
export function normalAttribute(text: string): string {
  return text.trim().replace(/\s+/g, ' ').toUpperCase();
}

/** Why a text is no attribute. Repeats its first word at most: `PASSWORD 'x'` is a thing people write here. */
export function attributeProblem(text: string): string | undefined {
  const attribute = normalAttribute(text);
  if (ROLE_ATTRIBUTES.includes(attribute) || CONNECTION_LIMIT.test(attribute)) return undefined;
  const [word = ''] = attribute.split(' ', 1);
  if (word === 'CONNECTION')
    return 'CONNECTION LIMIT has no number; write CONNECTION LIMIT n, with -1 for no limit';
  if (word === 'PASSWORD' || word === 'ENCRYPTED')
    return 'a password is no attribute; use the field password';
  const hint =
    didYouMean(word, ROLE_ATTRIBUTES) || `use ${oneOf([...ROLE_ATTRIBUTES, 'CONNECTION LIMIT n'])}`;
  return `${shown(word)} is not an attribute that pgctl supports; ${hint}`;
}

/** What an attribute decides: `NOLOGIN` and `LOGIN` the same thing. */
export function attributeSubject(attribute: string): string {
  const subject = SWITCHES.find((name) => attribute === name || attribute === `NO${name}`);
  return subject ?? 'CONNECTION LIMIT';
}
