import { attributeProblem, attributeSubject, normalAttribute } from './attributes.ts';
import type { FoundIssue } from './issue.ts';
import { databaseNameProblem } from './names.ts';
import { parameterName, parameterNameProblem, parameterValueProblem } from './parameters.ts';
import { pathText } from './path.ts';
import type { Path } from './path.ts';
import { shown } from './wording.ts';

/**
 * Rules between fields. They read values that may be of any type, and pass over what src/spec/schema.ts
 * refuses anyway, so that a typing error in one place hides nothing in another.
 */
type Raw = Readonly<Record<string, unknown>>;

function mapOf(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts of a list that come up again, with the index of their first time. */
function repeated(values: readonly unknown[]): { index: number; first: number; text: string }[] {
  const seen = new Map<string, number>();
  return values.flatMap((text, index) => {
    if (typeof text !== 'string') return [];
    const first = seen.get(text);
    if (first === undefined) seen.set(text, index);
    return first === undefined ? [] : [{ index, first, text }];
  });
}

function nodeIssues(nodes: readonly unknown[]): FoundIssue[] {
  const several: FoundIssue[] =
    nodes.length > 1
      ? [{ path: ['nodes', 1], message: 'more than one node is not supported yet; keep one' }]
      : [];
  const hosts = nodes.flatMap((node, n) => {
    const path: Path = ['nodes', n, 'host_ids'];
    return repeated(listOf(mapOf(node)['host_ids'])).map(({ index, first, text }) => ({
      path: [...path, index],
      message: `the host ${shown(text)} is in this node already (host_ids[${first}]); name each host once`,
    }));
  });
  return [...several, ...hosts];
}

function portIssues(spec: Raw): FoundIssue[] {
  const message = (value: number): string =>
    `port and patroni_port are both ${value}; give them different ones`;
  const { port, patroni_port: patroniPort } = spec;
  if (typeof port === 'number' && port === patroniPort)
    return [{ path: ['patroni_port'], message: message(port) }];
  return listOf(spec['nodes']).flatMap((value, n) => {
    const node = mapOf(value);
    const effective = node['port'] ?? port;
    if (typeof effective !== 'number' || effective !== (node['patroni_port'] ?? patroniPort)) return [];
    const field = node['patroni_port'] === undefined ? 'port' : 'patroni_port';
    return [{ path: ['nodes', n, field], message: message(effective) }];
  });
}

function parameterIssues(base: Path, conf: unknown): FoundIssue[] {
  const path: Path = [...base, 'postgresql_conf'];
  const seen = new Map<string, string>();
  return Object.entries(mapOf(conf)).flatMap(([written, value]): FoundIssue[] => {
    const here = [...path, written];
    const problem = parameterNameProblem(written);
    if (problem !== undefined) return [{ path: here, message: problem, at: 'key' }];
    const name = parameterName(written);
    const first = seen.get(name);
    if (first !== undefined) {
      return [{ path: here, message: `is the same parameter as ${pathText([first])}; keep one`, at: 'key' }];
    }
    seen.set(name, written);
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return [];
    const wrong = parameterValueProblem(written, value);
    return wrong === undefined ? [] : [{ path: here, message: wrong }];
  });
}

function attributeIssues(base: Path, attributes: readonly unknown[]): FoundIssue[] {
  const bySubject = new Map<string, string>();
  return attributes.flatMap((value, index): FoundIssue[] => {
    if (typeof value !== 'string' || attributeProblem(value) !== undefined) return [];
    const attribute = normalAttribute(value);
    const subject = attributeSubject(attribute);
    const before = bySubject.get(subject);
    bySubject.set(subject, before ?? attribute);
    if (before === undefined) return [];
    const message = before === attribute ? 'is given twice' : `contradicts ${before}`;
    return [{ path: [...base, 'attributes', index], message: `${attribute} ${message}; keep one` }];
  });
}

function userIssues(users: readonly unknown[]): FoundIssue[] {
  const names = users.map((user) => mapOf(user)['username']);
  const doubles = repeated(names).map(({ index, first, text }) => ({
    path: ['database_users', index, 'username'],
    message: `the user ${shown(text)} is there already (database_users[${first}]); name each user once`,
  }));
  const owners = users.flatMap((user, index) => (mapOf(user)['db_owner'] === true ? [index] : []));
  const [owner] = owners;
  const moreOwners = owners.slice(1).map((index) => ({
    path: ['database_users', index, 'db_owner'],
    message: `the database has an owner already (database_users[${owner}]); keep one`,
  }));
  const perUser = users.flatMap((value, index) => {
    const user = mapOf(value);
    const base: Path = ['database_users', index];
    const doubleRoles = repeated(listOf(user['roles'])).map((role) => ({
      path: [...base, 'roles', role.index],
      message: `the role ${shown(role.text)} is given twice; keep one`,
    }));
    return [...attributeIssues(base, listOf(user['attributes'])), ...doubleRoles];
  });
  return [...doubles, ...moreOwners, ...perUser, ...membershipIssues(users)];
}

interface Membership {
  readonly name: string;
  readonly path: Path;
}

/** Users that are members of themselves, directly or over others, which Postgres refuses in the middle of a create. */
function membershipIssues(users: readonly unknown[]): FoundIssue[] {
  const memberOf = new Map<string, Membership[]>();
  users.forEach((value, index) => {
    const { username, roles } = mapOf(value);
    if (typeof username !== 'string' || memberOf.has(username)) return;
    const named = listOf(roles).flatMap((role, r): Membership[] =>
      typeof role === 'string' ? [{ name: role, path: ['database_users', index, 'roles', r] }] : [],
    );
    memberOf.set(username, named);
  });

  const issues: FoundIssue[] = [];
  const settled = new Set<string>();
  for (const start of memberOf.keys()) {
    // Depth first without recursion: a chain of memberships is as long as the user wants.
    const chain: { name: string; next: number }[] = [{ name: start, next: 0 }];
    const open = new Set([start]);
    while (chain.length > 0) {
      const top = chain.at(-1)!;
      const membership = settled.has(top.name) ? undefined : memberOf.get(top.name)?.[top.next];
      top.next += 1;
      if (membership === undefined) {
        settled.add(top.name);
        open.delete(top.name);
        chain.pop();
      } else if (open.has(membership.name)) {
        const names = chain.map(({ name }) => name);
        const circle = [...names.slice(names.indexOf(membership.name)), membership.name]
          .map(shown)
          .join(' → ');
        issues.push({
          path: membership.path,
          message: `makes a role a member of itself: ${circle}; remove one`,
        });
      } else if (memberOf.has(membership.name)) {
        open.add(membership.name);
        chain.push({ name: membership.name, next: 0 });
      }
    }
  }
  return issues;
}

/** In a request body, id and tenant_id may stand beside the spec and in it, but not differ. */
function outerIssues(spec: Raw, outer: Raw | undefined): FoundIssue[] {
  if (outer === undefined) return [];
  return ['id', 'tenant_id'].flatMap((field) => {
    const inside = spec[field];
    const beside = outer[field];
    if (typeof inside !== 'string' || typeof beside !== 'string' || inside === beside) return [];
    return [
      { path: [field], message: `${shown(inside)} differs from the ${field} beside the spec; keep one` },
    ];
  });
}

/** The id is the default of `database_name`, but not every id will do as one. */
function defaultNameIssues(spec: Raw, outer: Raw | undefined): FoundIssue[] {
  const id = outer?.['id'] ?? spec['id'];
  if (spec['database_name'] !== undefined || typeof id !== 'string') return [];
  if (databaseNameProblem(id) === undefined || id.length > 36) return [];
  const message = `is missing, and the id ${shown(id)} cannot stand in for it; give the database another name`;
  return [{ path: ['database_name'], message }];
}

/** What is wrong between the fields of a spec. Paths start at the spec; `outer` is the request body around it. */
export function ruleIssues(spec: Raw, outer: Raw | undefined): FoundIssue[] {
  const nodes = listOf(spec['nodes']);
  return [
    ...outerIssues(spec, outer),
    ...defaultNameIssues(spec, outer),
    ...nodeIssues(nodes),
    ...portIssues(spec),
    ...userIssues(listOf(spec['database_users'])),
    ...parameterIssues([], spec['postgresql_conf']),
    ...nodes.flatMap((node, n) => parameterIssues(['nodes', n], mapOf(node)['postgresql_conf'])),
  ];
}
