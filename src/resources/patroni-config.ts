import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import type { JsonObject } from '../json.ts';
import type { Resource, ResourceKey } from '../plan/resource.ts';
import { Secret } from '../secret.ts';
import { reachEtcdStep } from '../steps/host-facts.ts';
import type { FileStep, ScriptStep, Step } from '../steps/step.ts';
import { findingsOf } from './directory.ts';
import { ETCD_FILES, ETCD_FILE_NAMES, etcdFilePaths, type EtcdTls, type EtcdTlsDigests } from './etcd-tls.ts';
import { REST_USER } from './patroni-client.ts';
import { IS_READY, POST_BOOTSTRAP, PREPARE, REPLICA } from './host-scripts.ts';
import { attributesOf, buildResource, type Found, type LifecycleContext, type ResourceType } from './type.ts';

/** The accounts that Patroni and pgctl use, by the name of the secret that holds the password. */
export const SYSTEM_SECRETS = ['superuser', 'replication', 'restapi'] as const;
export type SystemSecret = (typeof SYSTEM_SECRETS)[number];

export const SUPERUSER = 'postgres';
export const REPLICATION_USER = 'replicator';

export interface PatroniConfigAttributes {
  readonly instance_id: string;
  readonly database_uid: string;
  readonly dir: string;
  readonly bin_dir: string;
  readonly python: string;
  /** etcd as this host reaches it. */
  readonly endpoints: readonly string[];
  readonly guard_key: string;
  readonly scope_prefix: string;
  /** Patroni's own configuration, but for its passwords. */
  readonly config: JsonObject;
  /** Digests of the passwords by secret name, so that a new one is a difference. */
  readonly secret_digests: Readonly<Record<SystemSecret, string>>;
  /** The instance's own user in etcd; absent where etcd has none. */
  readonly etcd_user?: EtcdLogin;
  /** Digests of the files that it reaches etcd with; absent where that is not over TLS. */
  readonly etcd_tls?: EtcdTlsDigests;
}

/** Who an instance is in etcd. */
export interface EtcdLogin {
  readonly user: string;
  /** Name of the secret that holds its password. */
  readonly password: string;
  readonly password_digest: string;
}

/** Patroni's configuration with its passwords in place. */
function withPasswords(
  { config, dir, etcd_user, etcd_tls }: PatroniConfigAttributes,
  context: LifecycleContext,
): JsonObject {
  const password = (name: SystemSecret): string => context.secret(name).reveal();
  const etcd = {
    ...(config.etcd3 as JsonObject),
    ...(etcd_tls === undefined ? {} : etcdFilePaths(dir, etcd_tls)),
    ...(etcd_user === undefined
      ? {}
      : { username: etcd_user.user, password: context.secret(etcd_user.password).reveal() }),
  };
  return {
    ...config,
    ...(Object.keys(etcd).length === 0 ? {} : { etcd3: etcd }),
    restapi: {
      ...(config.restapi as JsonObject),
      authentication: { username: REST_USER, password: password('restapi') },
    },
    postgresql: {
      ...(config.postgresql as JsonObject),
      authentication: {
        superuser: { username: SUPERUSER, password: password('superuser') },
        replication: { username: REPLICATION_USER, password: password('replication') },
      },
    },
  };
}

/** What Python's reader takes for the end of a line, or refuses, and the writer leaves as it is. */
const ESCAPED = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/**
 * YAML as Patroni's Python reads it. That is version 1.1, to which a bare `yes`, `12:30:45` or `=` is no text,
 * so every text is in quotes. Keys are words of Patroni's and names of parameters, which need none.
 */
export function patroniYaml(config: JsonObject): string {
  const yaml = stringify(config, {
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
  return yaml.replace(ESCAPED, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Where Patroni finds the programs of Postgres: links to all of them, and our own in the place of one. */
const PROGRAMS = 'bin/pg';
export const programsDir = (dir: string): string => `${dir}/${PROGRAMS}`;

function linkPrograms({ dir, bin_dir }: PatroniConfigAttributes): ScriptStep {
  return {
    kind: 'script',
    name: `link the programs of ${bin_dir}`,
    script: 'mkdir -p "$1"; ln -sf -t "$1" "$2"/*',
    args: [programsDir(dir), bin_dir],
    account: 'admin',
  };
}

function files(a: PatroniConfigAttributes, context: LifecycleContext): Step[] {
  const yaml = patroniYaml(withPasswords(a, context));
  const prepare = {
    instance_id: a.instance_id,
    database_uid: a.database_uid,
    endpoints: a.endpoints,
    guard_key: a.guard_key,
    scope_prefix: a.scope_prefix,
    bootstrap: 'bootstrap' in a.config,
    ...(a.etcd_user === undefined
      ? {}
      : { etcd: { name: a.etcd_user.user, password: context.secret(a.etcd_user.password).reveal() } }),
    ...(a.etcd_tls === undefined ? {} : { tls: etcdFilePaths(a.dir, a.etcd_tls) }),
  };
  const prepareJson = `${JSON.stringify(prepare, null, 2)}\n`;
  const file = (name: string, mode: string, content: string | Secret): FileStep => ({
    kind: 'file',
    path: `${a.dir}/${name}`,
    mode,
    owner: 'postgres',
    content,
  });
  return [
    ...ETCD_FILE_NAMES.filter((name) => a.etcd_tls?.[name] !== undefined).map((name) =>
      file(ETCD_FILES[name].file, '0600', context.secret(ETCD_FILES[name].secret)),
    ),
    file('bin/postgres-bin-dir', '0600', `${a.bin_dir}\n`),
    linkPrograms(a),
    file(`${PROGRAMS}/pg_isready`, '0700', IS_READY),
    file('bin/prepare', '0700', `#!${a.python} -IS\n${PREPARE}`),
    file('bin/post-bootstrap', '0700', POST_BOOTSTRAP),
    file('bin/replica', '0700', REPLICA),
    file('prepare.json', '0600', a.etcd_user === undefined ? prepareJson : new Secret(prepareJson)),
    file(
      'patroni.yml',
      '0600',
      new Secret(`# Written by pgctl; it writes it anew on every change.\n${yaml}`),
    ),
  ];
}

/** How far a host's clock may be off from etcd's, in seconds. Less is for `host check` to say. */
const CLOCK_LIMIT_SECONDS = 60;

// Patroni's own Python, since that is what asks etcd later on; no proxy, for the same reason. One endpoint that
// answers is enough. By hand, for Python's own client takes longer to load than all else that a host is checked for.
// Not over TLS, where there are certificates to show; see checkEtcdOverTls.
const CHECK_ETCD = `
"$1" -IS - "$@" <<'END' 2>/dev/null || :
import os, socket, sys, time

os.environ["TZ"] = "UTC"
time.tzset()
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

def date_of(url):
    """What the server says of the time, in seconds; None where it does not say."""
    place = url.split("://", 1)[1].split("/", 1)[0]
    host, _, port = place.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as server:
        server.sendall(("GET /version HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n" % place).encode())
        answer = b""
        while b"\\r\\n\\r\\n" not in answer:
            more = server.recv(4096)
            if not more:
                break
            answer += more
    if not answer.startswith(b"HTTP/"):
        raise OSError("it is no etcd that answers there")
    for line in answer.decode("latin-1").split("\\r\\n"):
        name, _, value = line.partition(":")
        if name.lower() == "date":
            _, day, month, year, clock, _ = value.split()
            hms = [int(part) for part in clock.split(":")]
            return time.mktime((int(year), MONTHS.index(month) + 1, int(day), *hms, 0, 0, 0))

said = []
for url in sys.argv[3:]:
    try:
        date = date_of(url)
    except (OSError, ValueError) as error:
        said.append("etcd at %s cannot be reached from there: %s" % (url, error))
        continue
    if date:
        off = time.time() - date
        if abs(off) > int(sys.argv[2]):
            print("its clock is %d s %s that of etcd; keep it in step with NTP" % (abs(off), "ahead of" if off > 0 else "behind"))
    sys.exit()
print("\\n".join(said))
END
`;

function checkEtcd({ python, endpoints }: PatroniConfigAttributes): ScriptStep {
  return {
    kind: 'script',
    name: 'reach etcd, and compare the clocks',
    script: CHECK_ETCD,
    args: [python, String(CLOCK_LIMIT_SECONDS), ...endpoints],
    account: 'admin',
  };
}

/** The unit's guard waits for an etcd that does not take its certificate as for one that is away: for ever. */
function checkEtcdOverTls(
  { python, endpoints }: PatroniConfigAttributes,
  files: EtcdTlsDigests,
  context: Pick<LifecycleContext, 'secret'>,
): ScriptStep {
  const tls = ETCD_FILE_NAMES.filter((name) => files[name] !== undefined).map((name) => [
    name,
    context.secret(ETCD_FILES[name].secret),
  ]);
  return reachEtcdStep({ python, endpoints, tls: Object.fromEntries(tls) as EtcdTls });
}

/** Removes the files for etcd that are of no use any more; a private key is among them. */
function removeFiles(wanted: PatroniConfigAttributes, before: PatroniConfigAttributes): Step[] {
  const paths = ETCD_FILE_NAMES.filter(
    (name) => before.etcd_tls?.[name] !== undefined && wanted.etcd_tls?.[name] === undefined,
  ).map((name) => `${wanted.dir}/${ETCD_FILES[name].file}`);
  if (paths.length === 0) return [];
  return [{ kind: 'script', name: 'remove files', script: 'rm -f -- "$@"', args: paths, account: 'admin' }];
}

/** Patroni's configuration and the small programs that run beside it, all of them files of postgres. */
export const patroniConfigType: ResourceType = {
  type: 'patroni_config',
  version: 1,
  verbs: { create: 'write configuration', update: 'write configuration', delete: 'drop configuration' },
  brief: ['create', 'update'],
  refresh: (resource) => ({
    steps: [
      {
        kind: 'script',
        name: 'look at the configuration',
        script: 'if [ -e "$1/patroni.yml" ]; then echo found; else echo absent; fi',
        args: [attributesOf<PatroniConfigAttributes>(resource).dir],
        account: 'admin',
      },
    ],
    read: ([output]): Found => ({ kind: output?.stdout.trim() === 'found' ? 'found' : 'not_found' }),
  }),
  create: (resource, context): Step[] => files(attributesOf<PatroniConfigAttributes>(resource), context),
  update: (resource, previous, context): Step[] => [
    ...files(attributesOf<PatroniConfigAttributes>(resource), context),
    ...removeFiles(attributesOf(resource), attributesOf(previous)),
  ],
  check(resource, { previous }, context) {
    const a = attributesOf<PatroniConfigAttributes>(resource);
    const before = previous === null ? null : attributesOf<PatroniConfigAttributes>(previous);
    const wanted = [a.endpoints, a.etcd_tls];
    if (before !== null && isDeepStrictEqual(wanted, [before.endpoints, before.etcd_tls])) return null;
    const step = a.etcd_tls === undefined ? checkEtcd(a) : checkEtcdOverTls(a, a.etcd_tls, context);
    return { steps: [step], read: findingsOf };
  },
  // The directory it stands in goes next, with everything in it.
  inert: (type) => type === 'delete',
  delete: () => [],
};

export function patroniConfig(
  host: string,
  attributes: PatroniConfigAttributes,
  dependencies: readonly ResourceKey[],
): Resource {
  return {
    ...buildResource(patroniConfigType, {
      id: attributes.instance_id,
      executor: { kind: 'host', host },
      attributes,
      dependencies,
    }),
    // Patroni reads it once, when the cluster is made.
    diff_ignore: ['/config/bootstrap'],
  };
}
