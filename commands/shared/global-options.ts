import type { Command } from 'commander';

export interface GlobalOption {
  readonly flags: string;
  /** The variable that stands in for it. */
  readonly env?: string;
  readonly summary: string;
  /** What holds where nobody says anything, for people. */
  readonly fallback?: string;
}

/** Every global option: its flag, the variable that stands in for it, and what it means. */
export const GLOBAL_OPTIONS: readonly GlobalOption[] = [
  {
    flags: '--endpoints <urls>',
    env: 'PGCTL_ENDPOINTS',
    summary: 'etcd, comma-separated',
    fallback: 'the context, else `local up`',
  },
  { flags: '--cacert <file>', env: 'PGCTL_CACERT', summary: 'CA that signed the certificates of etcd' },
  { flags: '--cert <file>', env: 'PGCTL_CERT', summary: 'client certificate for etcd' },
  { flags: '--key <file>', env: 'PGCTL_KEY', summary: 'its private key' },
  {
    flags: '--host-cert <file>',
    env: 'PGCTL_HOST_CERT',
    summary: 'client certificate that hosts get',
    fallback: "pgctl's own",
  },
  { flags: '--host-key <file>', env: 'PGCTL_HOST_KEY', summary: 'private key of --host-cert' },
  { flags: '--etcd-user <name>', env: 'PGCTL_ETCD_USER', summary: 'user in etcd' },
  {
    flags: '--etcd-password-file <file>',
    env: 'PGCTL_ETCD_PASSWORD_FILE',
    summary: "file with that user's password",
  },
  {
    flags: '--prefix <prefix>',
    env: 'PGCTL_PREFIX',
    summary: 'prefix of all keys in etcd',
    fallback: '/pgctl',
  },
  {
    flags: '--context <context>',
    env: 'PGCTL_CONTEXT',
    summary: 'entry of config.yaml to take settings from',
  },
  {
    flags: '-o, --output <format>',
    env: 'PGCTL_OUTPUT',
    summary: 'text, json or yaml',
    fallback: 'text',
  },
  { flags: '-y, --yes', summary: 'answer confirmations with yes' },
  { flags: '--no-input', summary: 'never ask' },
  { flags: '-q, --quiet', summary: 'no progress' },
  { flags: '-v, --verbose', summary: 'say more; twice for everything' },
  {
    flags: '--events <target>',
    env: 'PGCTL_EVENTS',
    summary: 'also write what happens as JSON lines, to a file or, as a number, an open descriptor',
  },
  { flags: '--color <when>', summary: 'auto, always or never', fallback: 'auto' },
  {
    flags: '--parallel <n>',
    env: 'PGCTL_PARALLEL',
    summary: 'children at a time, over all hosts',
    fallback: '16',
  },
  {
    flags: '--timeout <duration>',
    summary: 'limit of one step on a host, and of following something',
    fallback: 'none',
  },
  { flags: '--connect-timeout <duration>', summary: 'limit for reaching a host', fallback: '10s' },
  { flags: '--lock-timeout <duration>', summary: "how long to wait for a database's lock", fallback: '0' },
];

/** Variables that stand in for no option, and what they do. Nothing else of the environment is looked at. */
export const OTHER_VARIABLES = {
  PGCTL_SSH: 'the ssh program (default: ssh)',
  PGCTL_SECRET_KEY_FILE: 'the key that seals secrets (default: secret.key beside config.yaml)',
  NO_COLOR: 'anything but empty: no colour, where --color is auto',
  FORCE_COLOR: 'colour also where the output is no terminal, where --color is auto; 0 for none',
  GITHUB_ACTIONS: "true: phases are groups and failures annotations on GitHub's runner, on stderr",
  TERM: 'dumb: a terminal on which nothing moves',
  XDG_CONFIG_HOME: 'contexts and the sealing key are in pgctl under it (default: ~/.config)',
  XDG_STATE_HOME: "`local up`'s etcd and hosts are in pgctl under it (default: ~/.local/state)",
  XDG_CACHE_HOME: 'names for the shell to complete are in pgctl under it (default: ~/.cache)',
  HOME: 'what ~ stands for',
  USER: 'who runs pgctl, for locks and tasks; SUDO_USER comes before it',
  SUDO_USER: 'who runs pgctl under sudo',
} as const satisfies Record<string, string>;

/** `--etcd-user <name>` → `etcd-user`. */
export const longName = ({ flags }: GlobalOption): string => /--(?:no-)?([a-z-]+)/.exec(flags)?.[1] ?? flags;

/** Under which name commander has it: `etcdUser`. */
export const optionKey = (option: GlobalOption): string =>
  longName(option).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Under which name a context has it: `etcd_user`. */
export const contextKey = (option: GlobalOption): string => longName(option).replaceAll('-', '_');

/** Options that take a value; the others are said anew with each command. */
export const VALUE_OPTIONS = GLOBAL_OPTIONS.filter(({ flags }) => flags.includes('<'));

/** What a context can hold: whatever takes a value, but no context. */
export const CONTEXT_KEYS = VALUE_OPTIONS.map(contextKey).filter((key) => key !== 'context');

export function summaryOf({ summary, fallback, env }: GlobalOption): string {
  const more = [
    fallback === undefined ? '' : ` (default: ${fallback})`,
    env === undefined ? '' : ` [${env}]`,
  ];
  return `${summary}${more.join('')}`;
}

export function addGlobalOptions(program: Command): void {
  for (const option of GLOBAL_OPTIONS) {
    const { flags } = option;
    if (flags.startsWith('-v'))
      program.option(flags, summaryOf(option), (_: string, before: number) => before + 1, 0);
    else program.option(flags, summaryOf(option));
  }
}

/** Names of the global options that take a value, for finding the command's words among the arguments. */
export function takesValue(word: string): boolean {
  return VALUE_OPTIONS.some(({ flags }) => flags.split(/[ ,]+/).includes(word));
}
