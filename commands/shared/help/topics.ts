import type { Block, Page } from '../../../src/ui/page.ts';

interface Topic {
  readonly summary: string;
  /** Its text is loaded when it is asked for. */
  readonly load: () => Promise<readonly Block[]>;
}

/** What `pgctl help <topic>` explains, besides commands. */
const TOPICS = {
  spec: {
    summary: 'how a database is described: every field of a spec',
    load: async () => (await import('./spec.ts')).specBlocks(),
  },
  output: {
    summary: 'what is printed where, and the documents of -o json',
    load: async () => (await import('./output.ts')).outputBlocks(),
  },
  'exit-codes': {
    summary: 'what each exit code says, and the error codes that end in it',
    load: async () => (await import('./exit-codes.ts')).exitCodesBlocks(),
  },
  environment: {
    summary: 'environment variables, contexts, and the files that pgctl has',
    load: async () => (await import('./environment.ts')).environmentBlocks(),
  },
} as const satisfies Record<string, Topic>;

export type TopicName = keyof typeof TOPICS;
export const TOPIC_NAMES = Object.keys(TOPICS) as readonly TopicName[];

export const isTopic = (word: string): word is TopicName => Object.hasOwn(TOPICS, word);

export const topicSummary = (name: TopicName): string => TOPICS[name].summary;

export async function topicPage(name: TopicName): Promise<Page> {
  return { name, summary: topicSummary(name), blocks: await TOPICS[name].load() };
}
