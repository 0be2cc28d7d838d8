import * as z from 'zod';
import { attributeProblem, ROLE_ATTRIBUTES } from './attributes.ts';
import type { KnownFields } from './fields.ts';
import { hbaProblem, identProblem } from './hba.ts';
import {
  databaseNameProblem,
  ID_PATTERN,
  idProblem,
  NODE_NAME_PATTERN,
  nodeNameProblem,
  passwordProblem,
  roleProblem,
  usernameProblem,
  VERSION_PATTERN,
  versionProblem,
} from './names.ts';
import type { Problem } from './names.ts';
import { shownScalar } from './wording.ts';

/**
 * The one source of what a spec may hold: validation and the JSON Schema for editors both come from here.
 * Rules between several fields are in src/spec/rules.ts, because zod skips checks of an object some part of
 * which is wrong already, and every error is wanted at once.
 */

interface Described {
  readonly description: string;
  readonly [keyword: string]: unknown;
}

/** A text with a rule of its own. */
function text(problem: Problem, meta: Described, missing?: string) {
  return z
    .string({ error: ({ input }) => (input === undefined ? missing : undefined) })
    .superRefine((value, context) => {
      const message = problem(value);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .meta(meta);
}

const LOWEST_PORT = 1024;
const HIGHEST_PORT = 65535;

function portError({ input }: { readonly input?: unknown }): string | undefined {
  if (input === null) return undefined;
  if (input === 0)
    return '0, a port by chance, is not supported; leave it out, and pgctl takes the lowest free one';
  return `must be a whole number from ${LOWEST_PORT} to ${HIGHEST_PORT}, not ${shownScalar(input)}`;
}

function port(description: string, example: number) {
  return z
    .int({ error: portError })
    .min(LOWEST_PORT, { error: portError })
    .max(HIGHEST_PORT, { error: portError })
    .meta({ description, examples: [example] })
    .optional();
}

const postgresVersion = z
  .union([z.string(), z.number()], {
    error: ({ input }) =>
      input === null
        ? undefined
        : `must be a version, not ${shownScalar(input)}; write a major such as 17 or a minor such as "17.4"`,
  })
  .superRefine((value, context) => {
    const message = versionProblem(String(value));
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  })
  .meta({
    description:
      'Version of Postgres. The major selects the binaries; a minor, if given, is the least that will do. Without it, the newest major that all hosts have.',
    examples: ['17', '17.4'],
    pattern: VERSION_PATTERN.source,
  });

const postgresqlConf = z
  .record(
    z.string(),
    z
      .union([z.string(), z.number(), z.boolean()], {
        error: ({ input }) =>
          input === null
            ? 'has no value; give one, or "" for the empty text'
            : 'must be text, a number, or true or false; put lists in quotes, as postgresql.conf has them',
      })
      .meta({ description: 'Value of the parameter, as postgresql.conf would have it.' }),
  )
  .meta({
    description:
      'Parameters of Postgres. Those that pgctl or Patroni own, such as port or listen_addresses, are refused by name.',
    examples: [{ max_connections: 200, shared_buffers: '2GB' }],
  });

const pgHbaConf = z
  .array(text(hbaProblem, { description: 'A line of pg_hba.conf. The method trust is refused.' }))
  .meta({
    description:
      "Lines of pg_hba.conf, after pgctl's own, in this order. Without any, nobody but localhost and the members of the node gets in.",
    examples: [['host all all 10.0.0.0/8 scram-sha-256']],
  });

const pgIdentConf = z
  .array(text(identProblem, { description: 'A line of pg_ident.conf: map, system user, Postgres user.' }))
  .meta({ description: 'Lines of pg_ident.conf, in this order.', examples: [['admins alice app']] });

const hostIds = z
  .array(
    text(idProblem, {
      description: 'Id of a registered host.',
      pattern: ID_PATTERN.source,
      examples: ['host-1'],
    }),
    {
      error: ({ input }) => (input === undefined ? 'is missing; list the hosts of the node' : undefined),
    },
  )
  .min(1, { error: () => 'is empty; a node needs at least one host' })
  .meta({
    description: 'Hosts of the node, each with one instance. The first one gets the initial primary.',
    minItems: 1,
    uniqueItems: true,
    examples: [['host-1', 'host-2', 'host-3']],
  });

const node = z
  .strictObject({
    name: text(
      nodeNameProblem,
      { description: 'Name of the node.', pattern: NODE_NAME_PATTERN.source, examples: ['n1'] },
      'is missing; name the node, n1 for the first',
    ),
    host_ids: hostIds,
    port: port("Port of Postgres on this node's hosts. Overrides the database's.", 5432),
    patroni_port: port("Port of Patroni on this node's hosts. Overrides the database's.", 8008),
    postgresql_conf: postgresqlConf
      .meta({
        description: "Parameters of Postgres on this node, each over the database's of the same name.",
      })
      .optional(),
    pg_hba_conf: pgHbaConf
      .meta({ description: "Lines of pg_hba.conf on this node, after the database's." })
      .optional(),
    pg_ident_conf: pgIdentConf
      .meta({ description: "Lines of pg_ident.conf on this node, after the database's." })
      .optional(),
  })
  .meta({ description: 'A node: one Patroni cluster, a primary and its replicas.' });

const user = z
  .strictObject({
    username: text(
      usernameProblem,
      { description: 'Name of the role in Postgres.', maxLength: 63, examples: ['app'] },
      'is missing; name the user',
    ),
    password: text(passwordProblem, {
      description:
        'Password. It is never shown again, and stored as a SCRAM verifier only. May be left out on an update, which keeps it.',
      minLength: 1,
      examples: ['choose-a-better-one'],
    }).optional(),
    db_owner: z
      .boolean()
      .meta({ description: 'Whether this user owns the database. One user at most does.', examples: [true] })
      .optional(),
    attributes: z
      .array(
        text(attributeProblem, {
          description: `Attribute of the role: ${ROLE_ATTRIBUTES.join(', ')}, or CONNECTION LIMIT and a number.`,
        }),
      )
      .meta({
        description: 'Attributes of the role, as CREATE ROLE takes them.',
        examples: [['LOGIN', 'CREATEDB']],
      })
      .optional(),
    roles: z
      .array(text(roleProblem, { description: 'A role, predefined, of this spec, or made by other means.' }))
      .meta({ description: 'Roles that the user is a member of.', examples: [['pg_monitor']] })
      .optional(),
  })
  .meta({ description: 'A user of the database.' });

const id = text(
  idProblem,
  {
    description: 'Id of the database: a word or a UUID. It cannot be changed.',
    pattern: ID_PATTERN.source,
    examples: ['shop'],
  },
  'is missing; give the database an id',
);
const tenantId = text(idProblem, {
  description: 'Id of whoever the database belongs to. pgctl only keeps it.',
  pattern: ID_PATTERN.source,
  examples: ['acme'],
});

const databaseFields = {
  id,
  tenant_id: tenantId.optional(),
  database_name: text(databaseNameProblem, {
    description: 'Name of the database in Postgres. The id if left out.',
    maxLength: 63,
    examples: ['shop'],
  }).optional(),
  postgres_version: postgresVersion.optional(),
  port: port(
    'Port of Postgres. Without it, pgctl reserves the lowest from 5432 up that is free on all hosts.',
    5432,
  ),
  patroni_port: port(
    'Port of Patroni. Without it, pgctl reserves the lowest from 8008 up that is free on all hosts.',
    8008,
  ),
  nodes: z
    .array(node, {
      error: ({ input }) =>
        input === undefined ? 'is missing; give a node with its name and host_ids' : undefined,
    })
    .min(1, { error: () => 'is empty; give a node with its name and host_ids' })
    .meta({ description: 'Nodes of the database. One for now.', minItems: 1, maxItems: 1 }),
  database_users: z.array(user).meta({ description: 'Users to be made in Postgres.' }).optional(),
  postgresql_conf: postgresqlConf.optional(),
  pg_hba_conf: pgHbaConf.optional(),
  pg_ident_conf: pgIdentConf.optional(),
};

const SPEC = { description: 'A database as it is wanted.' };

/** The bare spec. */
export const databaseSchema = z.strictObject(databaseFields).meta(SPEC);

/** The body of a request to the Control Plane's API: the spec, with its id beside it. */
export const bodySchema = z
  .strictObject({
    id,
    tenant_id: tenantId.optional(),
    spec: z.strictObject({ ...databaseFields, id: id.optional() }).meta(SPEC),
  })
  .meta({ description: "A database as it is wanted, as a request to the Control Plane's API has it." });

/** A valid spec as it was written, before defaults. */
export type SpecInput = z.infer<typeof databaseSchema>;

export const KNOWN_FIELDS: KnownFields = {
  body: Object.keys(bodySchema.shape),
  database: Object.keys(databaseSchema.shape),
  node: Object.keys(node.shape),
  user: Object.keys(user.shape),
};
