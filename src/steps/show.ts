import { assertNever } from '../errors.ts';
import { quoteShell } from './quote.ts';
import { type HostStep, stepName, type Text } from './step.ts';

/** Characters of one argument: whole programs are among them. */
const LONGEST_ARGUMENT = 200;

/** What a step runs, for people: its script, arguments and input, with secrets as `[redacted]`. */
export function showStep(step: HostStep): string {
  const title = `# ${stepName(step)}`;
  switch (step.kind) {
    case 'script':
    case 'wait': {
      const args = step.args.map((arg) => quoteShell(shorten(arg)));
      const input =
        step.kind === 'script' && step.stdin !== undefined ? [`# stdin\n${showText(step.stdin)}`] : [];
      return [
        `${title}, as ${step.account}`,
        ...(args.length === 0 ? [] : [`# arguments: ${args.join(' ')}`]),
        step.script.trim(),
        ...input,
      ].join('\n');
    }
    case 'file':
      return [`${title}, ${step.mode}, of ${step.owner}`, showText(step.content)].join('\n').trimEnd();
    case 'sql':
      return [`${title}, in database ${step.connection.database}`, showText(step.sql)].join('\n').trimEnd();
    default:
      return assertNever(step);
  }
}

const shorten = (text: string): string =>
  text.length <= LONGEST_ARGUMENT ? text : `${text.slice(0, LONGEST_ARGUMENT)}…`;

/** A secret shows itself as redacted. */
const showText = (text: Text): string => (Array.isArray(text) ? text.map(String).join('') : String(text));
