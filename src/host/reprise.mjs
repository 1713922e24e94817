#!/usr/bin/env node
/**
 * The `reprise` command. In an installed package it only starts the built command line; in a checkout that was never
 * built it installs and builds first (bootstrap.mjs prints one line about each).
 *
 * Plain JavaScript so that it can run before anything is built. The command line itself is cli.ts.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const commandLine = new URL('../../dist/src/host/cli.js', import.meta.url);

if (!existsSync(fileURLToPath(commandLine))) {
  const { bootstrap } = await import('./bootstrap.mjs');
  bootstrap();
}
await import(commandLine.href);
