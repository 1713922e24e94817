// What `npm run peers -- --json` writes, and `reprise bench --peers FILE` puts beside its own figures: the same
// programs on other emulators, host time between markers on the serial line. Peers that were absent are there by name.

import { CommandError } from '../node/errors.ts';
import { readGivenFile } from '../node/images.ts';

export interface PeerResult {
  readonly peer: string;
  /** Null: it did not run. */
  readonly medianMs: number | null;
  /** Half of the middle half of the rounds, as a part. */
  readonly spread: number;
  /** Why it did not run; ''. */
  readonly problem: string;
}

export interface Peers {
  readonly format: 'reprise peers';
  readonly date: string;
  readonly rounds: number;
  readonly rows: readonly { readonly program: string; readonly results: readonly PeerResult[] }[];
}

const WANTED = 'give what npm run peers -- --json printed';

export function readPeers(path: string): Peers {
  const bytes = readGivenFile(path, 'file of peers', WANTED);
  let value: Partial<Peers> | null = null;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')) as Partial<Peers>;
  } catch {
    throw new CommandError(`The file of peers ${path} is no JSON: ${WANTED}.`);
  }
  if (value?.format !== 'reprise peers' || !Array.isArray(value.rows)) {
    throw new CommandError(`The file ${path} has no figures of peers: ${WANTED}.`);
  }
  return value as Peers;
}
