import { describe, expect, it } from 'vitest';
import { errorsOf, specOf, withLines } from './fixtures.ts';

const users = (...list: string[]): string => withLines(`database_users: [${list.join(', ')}]`);
/** The errors of users, without their places. */
const problems = (...list: string[]): string[] =>
  errorsOf(users(...list)).map((error) => error.replace(/^.*? database_users/, ''));

describe('a user', () => {
  it.each<[title: string, user: string, error: string]>([
    [
      'named like the superuser',
      '{username: postgres}',
      '"postgres" is Patroni\'s superuser; choose another name',
    ],
    [
      'named like the replication role',
      '{username: replicator}',
      '"replicator" is Patroni\'s role for replication; choose another name',
    ],
    [
      'named like one of pgctl',
      '{username: pgctl_x}',
      '"pgctl_x" is a name that pgctl keeps for its own roles; choose another name',
    ],
    [
      'named like a predefined role',
      '{username: pg_x}',
      '"pg_x" starts with pg_, which Postgres keeps for its own roles; choose another name',
    ],
    [
      'named public',
      '{username: public}',
      '"public" is a word that Postgres keeps for itself; choose another name',
    ],
    ['without a name', '{username: ""}', 'is empty; give a name'],
    ['with a line break in the name', '{username: "a\\nb"}', '"a\\nb" holds a control character; remove it'],
    [
      'with a long name',
      `{username: ${'x'.repeat(64)}}`,
      `"${'x'.repeat(60)}…" has 64 bytes; Postgres names have at most 63`,
    ],
    ['whose name is missing', '{db_owner: true}', 'is missing; name the user'],
  ])('%s', (_title, user, error) => {
    expect(problems(user)).toEqual([`[0].username: ${error}`]);
  });

  it.each<[title: string, user: string, error: string]>([
    [
      'an empty password',
      '{username: a, password: ""}',
      'password: is empty; give a password, or leave the field out',
    ],
    [
      'a password that is a number',
      '{username: a, password: 1234}',
      'password: must be text, not a number; put it in quotes',
    ],
    [
      'a password of several lines',
      '{username: a, password: "x\\ny"}',
      'password: goes over several lines; write it on one line, in quotes',
    ],
    ['a password with NUL', '{username: a, password: "x\\0y"}', 'password: holds a NUL character; remove it'],
    [
      'an unknown attribute',
      '{username: a, attributes: [LOGN]}',
      'attributes[0]: "LOGN" is not an attribute that pgctl supports; did you mean "LOGIN"?',
    ],
    [
      'a password as attribute',
      `{username: a, attributes: ["PASSWORD 'x'"]}`,
      'attributes[0]: a password is no attribute; use the field password',
    ],
    [
      'a limit without a number',
      '{username: a, attributes: [CONNECTION LIMIT]}',
      'attributes[0]: CONNECTION LIMIT has no number; write CONNECTION LIMIT n, with -1 for no limit',
    ],
    [
      'attributes that contradict',
      '{username: a, attributes: [NOCREATEDB, createdb]}',
      'attributes[1]: CREATEDB contradicts NOCREATEDB; keep one',
    ],
    [
      'an attribute given twice',
      '{username: a, attributes: [LOGIN, login]}',
      'attributes[1]: LOGIN is given twice; keep one',
    ],
    [
      'two limits',
      '{username: a, attributes: [connection limit 1, connection limit 2]}',
      'attributes[1]: CONNECTION LIMIT 2 contradicts CONNECTION LIMIT 1; keep one',
    ],
    ['a role given twice', '{username: a, roles: [b, b]}', 'roles[1]: the role "b" is given twice; keep one'],
    [
      'membership in the superuser',
      '{username: a, roles: [postgres]}',
      'roles[0]: "postgres" is Patroni\'s superuser and has no members; remove it',
    ],
    [
      'membership in itself',
      '{username: a, roles: [a]}',
      'roles[0]: makes a role a member of itself: "a" → "a"; remove one',
    ],
  ])('with %s', (_title, user, error) => {
    expect(problems(user)).toEqual([`[0].${error}`]);
  });

  it('is named once', () => {
    expect(problems('{username: a}', '{username: a}')).toEqual([
      '[1].username: the user "a" is there already (database_users[0]); name each user once',
    ]);
  });

  it('owns the database alone', () => {
    expect(
      problems('{username: a, db_owner: true}', '{username: b}', '{username: c, db_owner: true}'),
    ).toEqual(['[2].db_owner: the database has an owner already (database_users[0]); keep one']);
  });

  it('is no member of itself over others', () => {
    expect(
      problems('{username: a, roles: [b]}', '{username: b, roles: [c]}', '{username: c, roles: [x, a]}'),
    ).toEqual(['[2].roles[1]: makes a role a member of itself: "a" → "b" → "c" → "a"; remove one']);
  });

  it('may be a member of predefined roles, of other users, and of roles made by other means', () => {
    const { database_users: read } = specOf(
      users('{username: a, roles: [pg_read_all_data, b, "Mixed Case"]}', '{username: b, roles: [elsewhere]}'),
    );
    expect(read.map(({ roles }) => roles)).toEqual([['pg_read_all_data', 'b', 'Mixed Case'], ['elsewhere']]);
  });

  it('keeps a name that SQL would have to quote', () => {
    const name = `'; drop table x; --"`;
    expect(specOf(users(`{username: ${JSON.stringify(name)}}`)).database_users[0]?.username).toBe(name);
  });
});
