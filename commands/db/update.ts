import { specCommand } from '../shared/spec-command.ts';

export const command = specCommand('update');
