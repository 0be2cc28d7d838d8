import { PgctlError } from '../errors.ts';

const ID = /^[a-z0-9]([a-z0-9-]{0,34}[a-z0-9])?$/;
const NODE = /^n[1-9]$/;
const TYPE = /^[a-z][a-z0-9_]{0,62}$/;
const PREFIX = /^(\/[A-Za-z0-9._-]+)+$/;
const SEQ_DIGITS = 8;
/**
 * What ports are reserved for where several hosts are one machine, as those of `local up` are: they share its
 * ports. No host can have this name.
 */
export const LOCAL_MACHINE = 'local--machine';

/**
 * Every key of the store. Keys are built from checked parts only, and every prefix used for a range ends in
 * `/`, or in the `.` after a database's id, so that database `a` never matches `ab`.
 *
 * All functions throw PgctlError `usage` for a part that breaks its rule.
 */
export class Keys {
  /** Without a slash at its end, such as `/pgctl`. */
  readonly prefix: string;
  /** What Patroni gets as its `namespace`. */
  readonly patroniNamespace: string;
  readonly #v1: string;

  constructor(prefix: string) {
    if (!PREFIX.test(prefix)) {
      throw new PgctlError('usage', `not a prefix for keys in etcd: ${JSON.stringify(prefix)}`, {
        hint: 'A prefix begins with a slash and does not end in one, such as /pgctl.',
      });
    }
    this.prefix = prefix;
    this.patroniNamespace = `${prefix}/patroni/`;
    this.#v1 = `${prefix}/v1`;
  }

  meta(): string {
    return `${this.#v1}/meta`;
  }

  hosts(): string {
    return `${this.#v1}/hosts/`;
  }
  host(host: string): string {
    return this.hosts() + id('host', host);
  }
  tombstone(host: string): string {
    return `${this.#v1}/tombstones/hosts/${id('host', host)}`;
  }
  tombstones(): string {
    return `${this.#v1}/tombstones/hosts/`;
  }

  databases(): string {
    return `${this.#v1}/databases/`;
  }
  database(database: string): string {
    return this.databases() + id('database', database);
  }

  instances(): string {
    return `${this.#v1}/instances/`;
  }
  instancesOf(database: string): string {
    return `${this.instances()}${id('database', database)}/`;
  }
  instance(instance: string): string {
    return this.instancesOf(instanceParts(instance).database) + instance;
  }

  statuses(): string {
    return `${this.#v1}/instance_statuses/`;
  }
  statusesOf(database: string): string {
    return `${this.statuses()}${id('database', database)}/`;
  }
  status(instance: string): string {
    return this.statusesOf(instanceParts(instance).database) + instance;
  }

  guard(instance: string): string {
    instanceParts(instance);
    return `${this.#v1}/guards/${instance}`;
  }
  /** Guards have no level for the database; their instances' names begin with it. */
  guardsOf(database: string): string {
    return `${this.#v1}/guards/${id('database', database)}.`;
  }

  resources(): string {
    return `${this.#v1}/resources/`;
  }
  resourcesOf(database: string): string {
    return `${this.resources()}${id('database', database)}/`;
  }
  /** Ids of resources can be names that the user chose, so what is no plain word is percent-encoded. */
  resource(database: string, type: string, resourceId: string): string {
    if (!TYPE.test(type)) throw broken('resource type', type);
    return `${this.resourcesOf(database)}${type}/${encodeURIComponent(resourceId)}`;
  }

  ports(): string {
    return `${this.#v1}/ports/`;
  }
  /** `host` is a host's id or `LOCAL_MACHINE`. */
  portsOf(host: string): string {
    return `${this.ports()}${host === LOCAL_MACHINE ? host : id('host', host)}/`;
  }
  port(host: string, port: number): string {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw broken('port', String(port));
    return `${this.portsOf(host)}${port}`;
  }

  secretsOf(database: string): string {
    return `${this.#v1}/secrets/${id('database', database)}/`;
  }
  secret(database: string, name: string): string {
    if (name === '') throw broken('secret', name);
    return this.secretsOf(database) + encodeURIComponent(name);
  }

  tasks(): string {
    return `${this.#v1}/tasks/`;
  }
  task(task: string): string {
    return this.tasks() + id('task', task);
  }
  taskPlan(task: string): string {
    return `${this.#v1}/task_plans/${id('task', task)}`;
  }
  taskEvents(task: string): string {
    return `${this.#v1}/task_events/${id('task', task)}/`;
  }
  taskEvent(task: string, seq: number): string {
    return this.taskEvents(task) + sequence(seq);
  }
  /** Somebody asked for the task to stop. */
  taskCancel(task: string): string {
    return `${this.#v1}/task_cancels/${id('task', task)}`;
  }
  taskLogs(task: string): string {
    return `${this.#v1}/task_logs/${id('task', task)}/`;
  }
  taskLog(task: string, seq: number): string {
    return this.taskLogs(task) + sequence(seq);
  }

  locks(): string {
    return `${this.#v1}/locks/databases/`;
  }
  lock(database: string): string {
    return this.locks() + id('database', database);
  }

  /** Of all Patroni clusters of a database. */
  patroniOf(database: string): string {
    return `${this.patroniNamespace}${id('database', database)}.`;
  }
  /** Of one Patroni cluster, `<database>.<node>`. */
  patroniScope(database: string, node: string): string {
    if (!NODE.test(node)) throw broken('node', node);
    return `${this.patroniOf(database)}${node}/`;
  }
}

/** An instance's id taken apart: `<database>.<node>.<host>`. */
export function instanceParts(instance: string): {
  readonly database: string;
  readonly node: string;
  readonly host: string;
} {
  const [database = '', node = '', host = '', ...more] = instance.split('.');
  if (!isId(database) || !NODE.test(node) || !isId(host) || more.length > 0) {
    throw new PgctlError('usage', `not an instance's id: ${JSON.stringify(instance)}`, {
      hint: 'An instance is named <database>.<node>.<host>, such as shop.n1.host-1.',
    });
  }
  return { database, node, host };
}

export function isId(text: string): boolean {
  return ID.test(text) && !text.includes('--');
}

function id(kind: string, text: string): string {
  if (!isId(text)) throw broken(`${kind} id`, text);
  return text;
}

/** Padded, so that the order of the keys is the order of the numbers. */
function sequence(seq: number): string {
  if (!Number.isInteger(seq) || seq < 0 || seq >= 10 ** SEQ_DIGITS)
    throw broken('sequence number', String(seq));
  return String(seq).padStart(SEQ_DIGITS, '0');
}

function broken(kind: string, text: string): PgctlError {
  return new PgctlError('usage', `not a valid ${kind}: ${JSON.stringify(text)}`, {
    hint: 'Ids are made of lower-case letters, digits and single hyphens, 1 to 36 characters, and begin and end with a letter or digit.',
  });
}
