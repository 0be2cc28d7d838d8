import type { Block } from '../../../src/ui/page.ts';
import { CONTEXT_KEYS, GLOBAL_OPTIONS, longName, OTHER_VARIABLES } from '../global-options.ts';

/** From the tables that settings are read by. */
export function environmentBlocks(): readonly Block[] {
  return [
    { kind: 'heading', text: 'Where settings come from' },
    {
      kind: 'text',
      text: 'The flag comes before the environment, that before the context, and that before the default. `pgctl context show` prints every setting with what gave it.',
    },
    { kind: 'heading', text: 'Variables that stand in for an option' },
    {
      kind: 'list',
      items: GLOBAL_OPTIONS.flatMap((option) =>
        option.env === undefined
          ? []
          : [{ term: option.env, text: `--${longName(option)}: ${option.summary}` }],
      ),
    },
    { kind: 'heading', text: 'Other variables' },
    { kind: 'list', items: Object.entries(OTHER_VARIABLES).map(([term, text]) => ({ term, text })) },
    {
      kind: 'text',
      text: 'ssh is given the whole environment: its agent and its own variables work as always.',
    },
    { kind: 'heading', text: 'Contexts' },
    {
      kind: 'text',
      text: `Several clusters are entries of ~/.config/pgctl/config.yaml. An entry can have: ${CONTEXT_KEYS.join(', ')}.`,
    },
    {
      kind: 'code',
      text: 'current: prod\ncontexts:\n  prod:\n    endpoints: [https://10.0.0.5:2379]\n    cacert: /etc/pgctl/ca.pem\n    etcd_user: pgctl\n    etcd_password_file: /etc/pgctl/password\n  lab:\n    endpoints: [http://127.0.0.1:12379]\n    prefix: /lab',
    },
    {
      kind: 'text',
      text: '`pgctl context use lab` changes `current`; `--context` or PGCTL_CONTEXT chooses for one command.',
    },
    { kind: 'heading', text: 'Files' },
    {
      kind: 'list',
      items: [
        { term: '~/.config/pgctl/config.yaml', text: 'the contexts' },
        {
          term: '~/.config/pgctl/secret.key',
          text: 'seals the passwords that pgctl keeps in etcd; copy it to every machine that is to change databases',
        },
        { term: '~/.local/state/pgctl', text: 'the etcd and the hosts of `pgctl local up`' },
        { term: '~/.cache/pgctl', text: 'names for the shell to complete, a few seconds old' },
      ],
    },
  ];
}
