/**
 * Golden IR: tiers/golden/*.ir hold guest code (of real mode where they begin with bits 16), the IR it lifts to, the
 * IR after the passes, and what is emitted, so that a change of code generation is seen as a diff. Names stand for all
 * that a new field of the layout or a new row would move. To accept a change: REPRISE_BLESS=1 npm test golden
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { assemble } from '../../src/core/isa/assemble.ts';
import { explainTiers } from '../../tiers/explain.ts';

/** The sources, also when this runs from dist/. */
function goldenFolder(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const folder = join(at, 'tiers', 'golden');
    try {
      if (readdirSync(folder).some((name) => name.endsWith('.ir'))) return folder;
    } catch {
      assert.notEqual(dirname(at), at, 'tiers/golden is missing');
    }
  }
}

const folder = goldenFolder();
const SOURCE = /^; (.*)$/gm;

function render(source: string): string {
  const { bytes } = assemble(`bits 32\n${source}`);
  const explained = explainTiers(bytes, source.startsWith('bits 16') ? 16 : 32);
  assert.ok(explained !== null);
  const comment = source
    .trimEnd()
    .split('\n')
    .map((line) => `; ${line}`.trimEnd())
    .join('\n');
  const { lifted, optimised } = explained;
  const compiled = explained.compiled.map(({ name, text }) => `\n; ${name.toLowerCase()}\n${text}\n`).join('');
  return `${comment}\n\n; lifted\n${lifted}\n; optimised\n${optimised}${compiled}`;
}

for (const name of readdirSync(folder).filter((file) => file.endsWith('.ir'))) {
  test(`golden ${name}`, () => {
    const path = join(folder, name);
    const old = readFileSync(path, 'utf8');
    const head = old.split('\n\n')[0];
    const source = [...head.matchAll(SOURCE)].map((match) => match[1]).join('\n');
    const made = render(source);
    if (process.env.REPRISE_BLESS === '1') writeFileSync(path, made);
    else assert.equal(made, old, `${name} differs; if that is meant: REPRISE_BLESS=1 npm test golden`);
  });
}
