/**
 * Which build of the program lies in a dist folder: a digest of what the compiler notes of the parts that the command
 * line is made of, which changes with every source of theirs. Empty where there are no notes, as in a package. Plain
 * JavaScript, as reprise.mjs is, which takes the command line in few pieces only when they are of this build.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PARTS = ['core', 'tiers', 'library', 'page', 'host'];

export function buildOf(dist) {
  const hash = createHash('sha256');
  for (const part of PARTS) {
    const notes = join(dist, `${part}.tsbuildinfo`);
    if (!existsSync(notes)) return '';
    hash.update(readFileSync(notes));
  }
  return hash.digest('hex');
}
