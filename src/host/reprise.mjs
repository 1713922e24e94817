#!/usr/bin/env node
/**
 * The `reprise` command. In an installed package it only starts the built command line; in a checkout that was never
 * built it installs and builds first (bootstrap.mjs prints one line about each).
 *
 * Plain JavaScript so that it can run before anything is built. The command line itself is cli.ts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildOf } from './built.mjs';

const dist = new URL('../../dist/', import.meta.url);
const commandLine = new URL('../../dist/src/host/cli/cli.js', import.meta.url);

const isBuilt = () => existsSync(fileURLToPath(commandLine));

/** The command line in few pieces (cli/bundle.mjs), which begins sooner; undefined when they are of another build. */
function inPieces() {
  const mark = new URL('command/build', dist);
  if (!existsSync(mark)) return undefined;
  const built = buildOf(fileURLToPath(dist));
  return built === '' || built === readFileSync(mark, 'latin1') ? new URL('command/cli.js', dist).href : undefined;
}

function fail(line) {
  process.stderr.write(`reprise: ${line}\n`);
  process.exit(2);
}

if (!isBuilt()) {
  const isCheckout = existsSync(fileURLToPath(new URL('../../tsconfig.json', import.meta.url)));
  if (!isCheckout) fail('this installation is incomplete (dist is missing): install the package again.');
  const { bootstrap } = await import('./bootstrap.mjs');
  bootstrap();
  if (!isBuilt()) fail('the build left no dist/src/host/cli/cli.js: run npm run build and look at its messages.');
}
await import(inPieces() ?? commandLine.href);
