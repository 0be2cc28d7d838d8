import type { CommandModule } from './shared/command.ts';

/** One command: its sentence for `--help`, and where the rest of it is. It is loaded only when it runs. */
export interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: CommandModule }>;
  /** It is about commands: all of them are loaded for it. */
  readonly needsAll?: true;
}

/** What can be done to things of one kind. */
interface CommandGroup {
  readonly summary: string;
  readonly verbs: Readonly<Record<string, CommandEntry>>;
}

/** Every command there is: by noun and verb, or by the one word of those that are about everything. */
export const COMMANDS: Readonly<Record<string, CommandGroup | CommandEntry>> = {
  db: {
    summary: 'databases: create, plan, look at, delete',
    verbs: {
      create: { summary: 'create a database from a spec', load: () => import('./db/create.ts') },
      apply: {
        summary: 'create or change a database to what a spec says',
        load: () => import('./db/apply.ts'),
      },
      update: { summary: 'change a database to what a spec says', load: () => import('./db/update.ts') },
      plan: {
        summary: 'show what creating, changing or deleting would do',
        load: () => import('./db/plan.ts'),
      },
      get: { summary: 'show a database and its instances', load: () => import('./db/get.ts') },
      list: { summary: 'list databases', load: () => import('./db/list.ts') },
      restart: { summary: 'restart all instances, one at a time', load: () => import('./db/restart.ts') },
      psql: { summary: 'open psql on the primary, as the superuser', load: () => import('./db/psql.ts') },
      delete: { summary: 'delete a database and its data', load: () => import('./db/delete.ts') },
    },
  },
  instance: {
    summary: 'Postgres servers of a database',
    verbs: {
      list: { summary: 'list instances', load: () => import('./instance/list.ts') },
      get: { summary: 'show an instance', load: () => import('./instance/get.ts') },
      restart: { summary: 'restart an instance', load: () => import('./instance/restart.ts') },
      stop: {
        summary: 'stop an instance, and keep it stopped',
        load: () => import('./instance/stop.ts'),
      },
      start: { summary: 'start a stopped instance', load: () => import('./instance/start.ts') },
      logs: { summary: 'show what an instance says', load: () => import('./instance/logs.ts') },
    },
  },
  host: {
    summary: 'machines that databases run on',
    verbs: {
      add: { summary: 'register a host', load: () => import('./host/add.ts') },
      list: { summary: 'list hosts', load: () => import('./host/list.ts') },
      get: { summary: 'show a host', load: () => import('./host/get.ts') },
      check: {
        summary: 'look at a host and update what is known of it',
        load: () => import('./host/check.ts'),
      },
      remove: { summary: 'forget a host that nothing is on', load: () => import('./host/remove.ts') },
    },
  },
  task: {
    summary: 'runs of operations',
    verbs: {
      list: { summary: 'list tasks', load: () => import('./task/list.ts') },
      get: { summary: 'show a task', load: () => import('./task/get.ts') },
      logs: { summary: 'show what a task did, or does', load: () => import('./task/logs.ts') },
      resume: {
        summary: 'go on with a task that stopped, failed or was interrupted',
        load: () => import('./task/resume.ts'),
      },
      cancel: {
        summary: 'have a task stop, wherever it runs',
        load: () => import('./task/cancel.ts'),
      },
    },
  },
  spec: {
    summary: 'specs of databases',
    verbs: {
      init: {
        summary: 'print a spec to begin with, every field explained',
        load: () => import('./spec/init.ts'),
      },
      validate: { summary: 'check a spec without etcd', load: () => import('./spec/validate.ts') },
      schema: {
        summary: 'print the JSON Schema of specs, for editors',
        load: () => import('./spec/schema.ts'),
      },
    },
  },
  context: {
    summary: 'clusters that this machine knows',
    verbs: {
      list: { summary: 'list the contexts of config.yaml', load: () => import('./context/list.ts') },
      use: { summary: 'make a context the current one', load: () => import('./context/use.ts') },
      show: {
        summary: 'show every setting, and where it comes from',
        load: () => import('./context/show.ts'),
      },
    },
  },
  local: {
    summary: 'everything on this machine, to try things out',
    verbs: {
      up: { summary: "start pgctl's own etcd and register local hosts", load: () => import('./local/up.ts') },
      down: { summary: 'stop it again', load: () => import('./local/down.ts') },
      status: { summary: 'show what runs', load: () => import('./local/status.ts') },
    },
  },
  recover: {
    summary: 'take lost hosts out of every database',
    load: () => import('./recover.ts'),
  },
  status: {
    summary: 'show every database, what is wrong, and what mends it',
    load: () => import('./status.ts'),
  },
  doctor: {
    summary: 'look at this machine, etcd, every host and all records, and say what mends what is wrong',
    load: () => import('./doctor.ts'),
  },
  completion: {
    summary: 'print a script that completes commands and names in a shell',
    load: () => import('./completion.ts'),
    needsAll: true,
  },
  help: {
    summary: 'explain a command or a topic',
    load: () => import('./help.ts'),
    needsAll: true,
  },
};

/** Every command with the words it is called by. */
export function everyCommand(): readonly {
  readonly words: readonly string[];
  readonly entry: CommandEntry;
}[] {
  return Object.entries(COMMANDS).flatMap(([word, node]) =>
    'verbs' in node
      ? Object.entries(node.verbs).map(([verb, entry]) => ({ words: [word, verb], entry }))
      : [{ words: [word], entry: node }],
  );
}
