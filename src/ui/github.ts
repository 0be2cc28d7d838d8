import { cleanText } from './clean.ts';

/**
 * Commands that GitHub's runner reads from what a step prints, on stdout and stderr alike. Source: GitHub's
 * documentation, "Workflow commands", and its toolkit for the escaping.
 */
export const github = {
  group: (title: string): string => `::group::${data(title)}`,
  endGroup: '::endgroup::',
  error: (title: string, message: string): string => `::error title=${property(title)}::${data(message)}`,
  warning: (message: string): string => `::warning::${data(message)}`,
};

/**
 * What comes from hosts, records and users must not be taken for a command. The runner looks behind blanks as
 * well, and for its older form anywhere in a line.
 */
export function withoutCommands(text: string): string {
  return text.replace(/^(\s*):(?=:)/gm, '$1: ').replaceAll('##[', '# #[');
}

function data(text: string): string {
  return cleanText(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
