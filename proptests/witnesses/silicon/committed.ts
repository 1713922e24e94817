/**
 * The committed vectors: every file of proptests/witnesses/silicon/vectors/, and the mismatches kept as tests. They let
 * a machine without an x86 processor test against silicon.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Found, FOUND_FILE, readFound } from './found.ts';
import { readVectors, type VectorFile } from './vectors.ts';

/** The sources: this file runs from dist/. */
export function projectRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) throw new Error('package.json not found above the witness');
  }
}

export function vectorFileNames(): string[] {
  const folder = join(projectRoot(), 'proptests', 'witnesses', 'silicon', 'vectors');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.vec'))
    .sort();
}

/** Throws a VectorFileError that names the file. */
export function readCommitted(name: string): VectorFile {
  return readVectors(readFileSync(join(projectRoot(), 'proptests', 'witnesses', 'silicon', 'vectors', name)), name);
}

export function readCommittedFound(): Found[] {
  const path = join(projectRoot(), FOUND_FILE);
  return existsSync(path) ? readFound(readFileSync(path, 'utf8'), FOUND_FILE) : [];
}
