// Where this user's state is kept: the folder `reprise` in what the XDG base directory specification calls
// $XDG_STATE_HOME, which must be absolute to count. Who keeps something there makes the folder, and lives without it.

import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

export function stateFolder(): string {
  const given = process.env.XDG_STATE_HOME ?? '';
  const home = isAbsolute(given) ? given : join(homedir(), '.local', 'state');
  return join(home, 'reprise');
}
