import { describe, expect, it } from 'vitest';
import { parseAccessLine } from '../../src/spec/access-line.ts';
import { hbaProblem, identProblem } from '../../src/spec/hba.ts';
import { errorsOf, withLines } from './fixtures.ts';

describe('a line of pg_hba.conf', () => {
  it.each([
    'local all all peer',
    'local all all peer map=admins',
    'local\tall\tall\tscram-sha-256',
    'host all all 0.0.0.0/0 scram-sha-256',
    'host all all 10.0.0.1 255.255.255.255 scram-sha-256',
    'host all all ::1/128 md5',
    'host all all fe80::1 ffff:ffff:ffff:ffff:: scram-sha-256',
    'host all all samenet reject',
    'host all all .example.com scram-sha-256',
    'host shop, "other db" app,"my user",+staff db-1.example.com scram-sha-256',
    'host replication backup 10.0.0.0/8 scram-sha-256',
    'host all /^app[0-9]+$ all scram-sha-256 # a comment',
    'host all all 10.0.0.0/8 ldap ldapserver=ldap.example.com ldapprefix="uid="',
    'hostnossl all all all reject',
    'hostgssenc all all all gss include_realm=0',
    '"local" all all peer',
    '# a comment',
    '',
  ])('may be: %s', (line) => {
    expect(hbaProblem(line)).toBeUndefined();
  });

  it.each<[line: string, problem: string]>([
    [
      'host all all 0.0.0.0/0 trust',
      'the method trust lets everybody in without a password; use scram-sha-256, or peer on a local line',
    ],
    [
      'local all all trust',
      'the method trust lets everybody in without a password; use scram-sha-256, or peer on a local line',
    ],
    [
      'local all all "trust"',
      'the method trust lets everybody in without a password; use scram-sha-256, or peer on a local line',
    ],
    ['local all all', 'has too few fields; write: local database user method [options]'],
    ['host all all 10.0.0.0/8', 'has too few fields; write: host database user address method [options]'],
    [
      'host all all 10.0.0.1 255.0.0.0',
      'has too few fields; write: host database user address method [options]',
    ],
    ['hosts all all all md5', '"hosts" is not a type of connection; did you mean "host"?'],
    [
      'tcp all all all md5',
      '"tcp" is not a type of connection; use local, host, hostnossl, hostgssenc or hostnogssenc',
    ],
    ['host all all 10.0.0.1 md5', 'the address "10.0.0.1" has no mask; write 10.0.0.1/32 for this one'],
    ['host all all 10.0.0.0/33 md5', 'the mask "33" does not fit; use 0 to 32'],
    [
      'host all all 10.0.0.300/8 md5',
      '"10.0.0.300/8" is not an address; use one such as 10.0.0.0/8, a host name, all, samehost or samenet',
    ],
    ['host all all all scram-sha256', '"scram-sha256" is not a method; did you mean "scram-sha-256"?'],
    ['host all all all peer', 'the method peer only works on local lines; use scram-sha-256'],
    [
      'hostssl all all all md5',
      'lines of type hostssl are not supported yet; TLS between clients and Postgres comes later',
    ],
    [
      'host all all all cert',
      'the method cert is not supported yet; TLS between clients and Postgres comes later',
    ],
    [
      'host all all all md5 clientcert=verify-ca',
      'the option clientcert is not supported yet; TLS between clients and Postgres comes later',
    ],
    ['local all all pam map=x', 'the option map only works with the method peer, ident, gss or oauth'],
    ['local all all gss', 'the method gss does not work on local lines; use peer'],
    [
      'host all postgres all md5',
      '"postgres" is Patroni\'s superuser, whose lines pgctl writes itself; remove it',
    ],
    [
      'host replication app,replicator all md5',
      '"replicator" is Patroni\'s role for replication, whose lines pgctl writes itself; remove it',
    ],
    [
      'host all all all ldap ldapbindpasswd=x',
      'the option ldapbindpasswd holds a secret, which pgctl would store and show; it is not supported yet',
    ],
    [
      'host all all all radius radiusservers=x',
      'the method radius needs a secret in the line, which is not supported yet; use scram-sha-256',
    ],
    ['local all all peer map', 'an option has no value; write options as name=value'],
    ['local all all peer mapp=x', '"mapp" is not an option; did you mean "map"?'],
    ['host all all a,b md5', 'has commas where one value is wanted; write a line for each'],
    ['local all all peer \\', 'ends with a backslash, which would join it with the next line; remove it'],
    ['# comment \\', 'ends with a backslash, which would join it with the next line; remove it'],
    [
      'local all all peer\nhost all all all trust',
      'goes over several lines; write one list item for each line',
    ],
    ['include /etc/hba.conf', 'includes a file, which is not supported; write the lines themselves'],
    [
      'local @dbs all peer',
      'reads names from a file (@…), which is not supported; write the names, with commas between them',
    ],
    ['local "all all peer', 'has a quote that is not closed; add the missing "'],
  ])('may not be: %s', (line, problem) => {
    expect(hbaProblem(line)).toBe(problem);
  });

  it('has its place in the errors of a spec', () => {
    const lines = [
      'pg_hba_conf:',
      '  - local all all peer',
      '  - local all all trust',
      'pg_ident_conf: [a b, 3]',
    ];
    expect(errorsOf(withLines(...lines))).toEqual([
      'shop.yaml:5:5: pg_hba_conf[1]: the method trust lets everybody in without a password; use scram-sha-256, or peer on a local line',
      'shop.yaml:6:17: pg_ident_conf[0]: has too few fields; write: map system-user postgres-user',
      'shop.yaml:6:22: pg_ident_conf[1]: must be text, not a number; put it in quotes',
    ]);
  });
});

describe('a line of pg_ident.conf', () => {
  it.each([
    'admins alice app',
    'admins "the boss" "App User"',
    'admins /^(.*)@example.com$ \\1 # all',
    '# none',
    '',
  ])('may be: %s', (line) => {
    expect(identProblem(line)).toBeUndefined();
  });

  it.each<[line: string, problem: string]>([
    ['admins alice', 'has too few fields; write: map system-user postgres-user'],
    ['admins alice app more', 'has too many fields; write: map system-user postgres-user'],
    ['admins alice,bob app', 'has commas where one value is wanted; write a line for each'],
    [
      'admins alice postgres',
      '"postgres" is Patroni\'s superuser, whose lines pgctl writes itself; remove it',
    ],
    ['pgctl alice app', '"pgctl" is the map that pgctl itself uses; choose another name'],
  ])('may not be: %s', (line, problem) => {
    expect(identProblem(line)).toBe(problem);
  });
});

describe('fields of a line', () => {
  it.each<[line: string, fields: string[][]]>([
    ['a b', [['a'], ['b']]],
    ['a,b c', [['a', 'b'], ['c']]],
    ['a, b c', [['a', 'b'], ['c']]],
    ['a ,b c', [['a'], ['b'], ['c']]],
    ['"a b","c""d" e#f', [['a b', 'c"d'], ['e']]],
    ['a"b c"d', [['ab cd']]],
  ])('%s', (line, fields) => {
    const parsed = parseAccessLine(line);
    expect(parsed.ok && parsed.fields.map((field) => field.map(({ text }) => text))).toEqual(fields);
  });
});
