import { PgctlError } from '../../src/errors.ts';
import type { App } from './app.ts';

/** Asks for a word to be typed, unless `--yes` has answered; throws where there is nobody to ask, or the answer differs. */
export async function confirmByTyping(app: App, question: { readonly what: string; readonly word: string }): Promise<void> {
  if (app.globals.yes) return;
  const answer = await app.ui.ask(`${question.what}\nType ${question.word} to go on: `, '--yes');
  if (answer.trim() !== question.word) {
    throw new PgctlError('not_confirmed', `not confirmed: ${JSON.stringify(answer.trim())} is not ${question.word}`, {
      hint: 'Nothing was changed.',
    });
  }
}
