/**
 * The command line in few pieces (src/host/cli/bundle.mjs): it is taken where it is of the build at hand, and in a
 * package; where a source was compiled since, its modules are. And it says and does what they do.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'node:test';
import { projectRoot } from '../support/poison.ts';
import { inFolder } from './command.ts';

const { buildOf } = (await import(pathToFileURL(join(projectRoot, 'src/host/built.mjs')).href)) as {
  buildOf: (dist: string) => string;
};
const PARTS = ['core', 'tiers', 'library', 'page', 'host'];

const node = (...words: string[]): string => {
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
};

test('pieces are taken when they are of the build at hand', async () => {
  await inFolder((folder) => {
    const put = (path: string, text: string): void => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    const [dist, starter] = [join(folder, 'dist'), join(folder, 'src/host/reprise.mjs')];
    put('package.json', '{ "type": "module" }');
    put('dist/src/host/cli/cli.js', 'console.log("modules");');
    for (const name of ['reprise.mjs', 'built.mjs']) {
      put(`src/host/${name}`, '');
      copyFileSync(join(projectRoot, 'src/host', name), join(folder, 'src/host', name));
    }
    assert.equal(node(starter), 'modules\n', 'there are none');
    put('dist/command/cli.js', 'console.log("pieces");');
    assert.equal(node(starter), 'modules\n', 'half made');
    for (const part of PARTS) put(`dist/${part}.tsbuildinfo`, part);
    put('dist/command/build', buildOf(dist));
    assert.equal(node(starter), 'pieces\n');
    for (const part of PARTS) {
      put(`dist/${part}.tsbuildinfo`, `${part} compiled again`);
      assert.equal(node(starter), 'modules\n', part);
      put(`dist/${part}.tsbuildinfo`, part);
    }
    for (const part of PARTS) rmSync(join(dist, `${part}.tsbuildinfo`));
    assert.equal(node(starter), 'pieces\n', 'a package has no notes of the compiler');
    return Promise.resolve();
  });
});

const mark = join(projectRoot, 'dist/command/build');
const isFresh = existsSync(mark) && readFileSync(mark, 'latin1') === buildOf(join(projectRoot, 'dist'));

test('pieces say what modules say', { skip: isFresh ? false : 'npm run build makes dist/command' }, () => {
  const golden = join(projectRoot, 'replay-logs/echo.rlog');
  for (const words of [['--help'], ['info', golden], ['man'], ['replay', golden], ['explain', '29 d8']]) {
    const [pieces, modules] = ['command/cli.js', 'src/host/cli/cli.js'].map((path) =>
      node(join(projectRoot, 'dist', path), ...words),
    );
    assert.equal(pieces, modules, words.join(' '));
  }
});
