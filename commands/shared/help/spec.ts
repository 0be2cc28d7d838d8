import { UNSUPPORTED } from '../../../src/spec/fields.ts';
import { type SpecField, specOutline } from '../../../src/spec/outline.ts';
import type { Block, ListItem } from '../../../src/ui/page.ts';

function items(fields: readonly SpecField[], level = 0): readonly ListItem[] {
  return fields.flatMap(({ name, description, required, fields: inner }) => [
    { term: name, text: required ? `${description} Required.` : description, level },
    ...items(inner, level + 1),
  ]);
}

/** Every field, from the schema that specs are judged by. */
export function specBlocks(): readonly Block[] {
  return [
    { kind: 'heading', text: 'The spec of a database' },
    {
      kind: 'text',
      text: 'A spec is YAML or JSON, and says what a database is to be. `pgctl spec init` prints one to begin with; `pgctl spec validate` finds everything that is wrong, with line and column, and needs no etcd; `pgctl spec schema` is for the completion of editors.',
    },
    {
      kind: 'code',
      text: 'pgctl spec init shop > shop.yaml\npgctl db plan -f shop.yaml\npgctl db apply -f shop.yaml',
    },
    {
      kind: 'text',
      text: 'Field names are those of the pgEdge Control Plane: a spec for it can be brought along, bare or as its { "id": …, "spec": … }. A field that is not supported is an error and never ignored.',
    },
    { kind: 'heading', text: 'Fields' },
    { kind: 'list', items: items(specOutline()) },
    { kind: 'heading', text: 'Fields of the Control Plane that are not supported' },
    {
      kind: 'list',
      items: Object.entries(UNSUPPORTED).flatMap(([level, fields]) =>
        Object.entries(fields).map(([name, text]) => ({
          term: level === 'node' ? `nodes[].${name}` : name,
          text,
        })),
      ),
    },
  ];
}
