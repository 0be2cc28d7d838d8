import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/**
 * A value that must never be shown. It prints as `[redacted]` wherever it is printed by accident (template
 * strings, JSON, `console.log`, error causes); the one way to its content is `reveal()`, which is easy to
 * search for.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
