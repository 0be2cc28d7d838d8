import * as z from 'zod';
import { parseAccessLine } from './access-line.ts';
import type { AccessField, AccessToken } from './access-line.ts';
import { RESERVED_MAP, reservedRole } from './names.ts';
import { didYouMean } from './nearest.ts';
import { oneOf, shown } from './wording.ts';

const HBA_TYPES: readonly string[] = ['local', 'host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc'];

/** Without TLS such lines match nobody, and Postgres itself reports them as errors. */
const TLS_TYPE = 'hostssl';
const NO_TLS = 'not supported yet; TLS between clients and Postgres comes later';

type Where = 'anywhere' | 'local' | 'host';

/** Methods a line may name, and the connections they work for. */
const HBA_METHODS = {
  'scram-sha-256': 'anywhere',
  md5: 'anywhere',
  password: 'anywhere',
  reject: 'anywhere',
  peer: 'local',
  ident: 'host',
  gss: 'host',
  pam: 'anywhere',
  ldap: 'anywhere',
  oauth: 'anywhere',
} as const satisfies Record<string, Where>;

/** Methods that Postgres knows and pgctl does not let in. */
const REFUSED_METHODS: Readonly<Record<string, string>> = {
  trust: 'lets everybody in without a password; use scram-sha-256, or peer on a local line',
  sspi: 'only works on Windows; use scram-sha-256',
  bsd: 'only works on OpenBSD; use scram-sha-256',
  cert: `is ${NO_TLS}`,
  radius: 'needs a secret in the line, which is not supported yet; use scram-sha-256',
};

type Method = keyof typeof HBA_METHODS;

const LDAP: readonly Method[] = ['ldap'];
const OAUTH: readonly Method[] = ['oauth'];

/** Options of a line, and the methods that take them; Postgres refuses a line with any other. */
const OPTIONS: Readonly<Record<string, readonly Method[]>> = {
  map: ['peer', 'ident', 'gss', 'oauth'],
  pamservice: ['pam'],
  pam_use_hostname: ['pam'],
  ldapurl: LDAP,
  ldaptls: LDAP,
  ldapscheme: LDAP,
  ldapserver: LDAP,
  ldapport: LDAP,
  ldapbinddn: LDAP,
  ldapsearchattribute: LDAP,
  ldapsearchfilter: LDAP,
  ldapbasedn: LDAP,
  ldapprefix: LDAP,
  ldapsuffix: LDAP,
  krb_realm: ['gss'],
  include_realm: ['gss'],
  issuer: OAUTH,
  scope: OAUTH,
  validator: OAUTH,
  delegate_ident_mapping: OAUTH,
};

/** Options that only mean something on encrypted connections. */
const TLS_OPTIONS: readonly string[] = ['clientcert', 'clientname'];

/** Options whose value is a secret: a spec is stored and shown as it is. */
const SECRET_OPTIONS: readonly string[] = ['ldapbindpasswd', 'radiussecrets'];

const SHAPE_LOCAL = 'write: local database user method [options]';
const SHAPE_HOST = 'database user address method [options]';

const ipv4 = z.ipv4();
const ipv6 = z.ipv6();
const isAddress = (text: string): boolean => ipv4.safeParse(text).success || ipv6.safeParse(text).success;

function maskProblem(address: string, bits: string): string | undefined {
  const most = address.includes(':') ? 128 : 32;
  if (/^\d{1,3}$/.test(bits) && Number(bits) <= most) return undefined;
  return `the mask ${shown(bits)} does not fit; use 0 to ${most}`;
}

const HOST_NAME = /^\.?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/;

/** Checks the address; says how many fields it takes, two where a mask stands on its own. */
function addressFields(
  fields: readonly AccessField[],
): { readonly count: number } | { readonly message: string } {
  const text = fields[3]?.[0]?.text ?? '';
  const [address = '', bits] = text.split('/', 2);
  if (isAddress(address)) {
    if (bits !== undefined) {
      const message = maskProblem(address, bits);
      return message === undefined ? { count: 1 } : { message };
    }
    if (isAddress(fields[4]?.[0]?.text ?? '')) return { count: 2 };
    return {
      message: `the address ${shown(text)} has no mask; write ${address}/${address.includes(':') ? 128 : 32} for this one`,
    };
  }
  if (HOST_NAME.test(text) && !/^[\d.]+$/.test(text)) return { count: 1 };
  return {
    message: `${shown(text)} is not an address; use one such as 10.0.0.0/8, a host name, all, samehost or samenet`,
  };
}

function methodProblem(type: string, method: string): string | undefined {
  if (Object.hasOwn(REFUSED_METHODS, method)) return `the method ${method} ${REFUSED_METHODS[method]}`;
  if (!Object.hasOwn(HBA_METHODS, method)) {
    const hint = didYouMean(method, Object.keys(HBA_METHODS)) || `use ${oneOf(Object.keys(HBA_METHODS))}`;
    return `${shown(method)} is not a method; ${hint}`;
  }
  const where: Where = HBA_METHODS[method as Method];
  if (where === 'local' && type !== 'local')
    return `the method ${method} only works on local lines; use scram-sha-256`;
  if (where === 'host' && type === 'local')
    return `the method ${method} does not work on local lines; use peer`;
  return undefined;
}

function optionProblem(method: string, { text }: AccessToken): string | undefined {
  const [name = ''] = text.split('=', 1);
  if (SECRET_OPTIONS.includes(name)) {
    return `the option ${name} holds a secret, which pgctl would store and show; it is not supported yet`;
  }
  if (name === text) return 'an option has no value; write options as name=value';
  if (TLS_OPTIONS.includes(name)) return `the option ${name} is ${NO_TLS}`;
  if (!Object.hasOwn(OPTIONS, name)) {
    return `${shown(name)} is not an option; ${didYouMean(name, Object.keys(OPTIONS)) || 'remove it'}`;
  }
  const methods: readonly string[] = OPTIONS[name] ?? [];
  return methods.includes(method)
    ? undefined
    : `the option ${name} only works with the method ${oneOf(methods)}`;
}

function reservedUser(users: AccessField): string | undefined {
  for (const { text, quoted } of users) {
    const name = quoted ? text : text.replace(/^\+/, '');
    const whose = reservedRole(name);
    if (whose !== undefined) return `${shown(name)} is ${whose}, whose lines pgctl writes itself; remove it`;
  }
  return undefined;
}

/** Why this is not a line for pg_hba.conf. Blank lines and comments are fine. Options are never repeated. */
export function hbaProblem(line: string): string | undefined {
  const parsed = parseAccessLine(line);
  if (!parsed.ok) return parsed.message;
  const { fields } = parsed;
  const [typeField, databases, users] = fields;
  if (typeField === undefined) return undefined;

  const type = typeField[0]?.text ?? '';
  if (!HBA_TYPES.includes(type) || typeField.length > 1) {
    return `${shown(type)} is not a type of connection; ${didYouMean(type, HBA_TYPES) || `use ${oneOf(HBA_TYPES.filter((known) => known !== TLS_TYPE))}`}`;
  }
  const shape = type === 'local' ? SHAPE_LOCAL : `write: ${type} ${SHAPE_HOST}`;
  if (type === TLS_TYPE) return `lines of type ${type} are ${NO_TLS}`;
  if (databases === undefined || users === undefined) return `has too few fields; ${shape}`;

  let methodAt = 3;
  if (type !== 'local') {
    if (fields.length < 5) return `has too few fields; ${shape}`;
    const address = addressFields(fields);
    if ('message' in address) return address.message;
    methodAt += address.count;
  }
  const method = fields[methodAt];
  if (method === undefined) return `has too few fields; ${shape}`;
  if (method.length > 1 || (type !== 'local' && (fields[3]?.length ?? 0) > 1)) {
    return 'has commas where one value is wanted; write a line for each';
  }
  const [{ text: name = '' } = {}] = method;
  // Words joined by commas are options of their own.
  const options = fields.slice(methodAt + 1).flat();
  return (
    methodProblem(type, name) ??
    reservedUser(users) ??
    options.map((option) => optionProblem(name, option)).find((problem) => problem !== undefined)
  );
}

/** Why this is not a line for pg_ident.conf: map, system user, Postgres user. Blank lines and comments are fine. */
export function identProblem(line: string): string | undefined {
  const parsed = parseAccessLine(line);
  if (!parsed.ok) return parsed.message;
  const { fields } = parsed;
  if (fields.length === 0) return undefined;
  if (fields.length !== 3) {
    const amount = fields.length < 3 ? 'too few' : 'too many';
    return `has ${amount} fields; write: map system-user postgres-user`;
  }
  if (fields.some((field) => field.length > 1))
    return 'has commas where one value is wanted; write a line for each';
  if (fields[0]?.[0]?.text === RESERVED_MAP) {
    return `${shown(RESERVED_MAP)} is the map that pgctl itself uses; choose another name`;
  }
  return reservedUser(fields[2] ?? []);
}
