import type { Resource } from '../plan/resource.ts';
import type { DirectoryAttributes } from './directory.ts';
import { attributesOf, type Inspection } from './type.ts';

// What a base backup copies; what is in tablespaces goes to other places.
const SIZE = `
if [ -d "$1/data" ]; then du -skx "$1/data" 2>/dev/null | cut -f 1; fi
`;

/** Asks how large the data of an instance is, by its directory: in bytes, null where it has none. */
export function dataSize(directory: Resource): Inspection<number | null> {
  const { path } = attributesOf<DirectoryAttributes>(directory);
  return {
    steps: [
      { kind: 'script', name: `measure the data in ${path}`, script: SIZE, args: [path], account: 'admin' },
    ],
    read: ([output]) => (/^\d+$/.test(output?.stdout.trim() ?? '') ? Number(output?.stdout) * 1024 : null),
  };
}
