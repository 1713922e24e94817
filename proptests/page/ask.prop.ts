// The view of questions on the page: rows of a query are those of the library and lead to their moments, a mistake is
// told, and the origin of a value is the graph that the library knows, whose nodes lead to moments too.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { originGraph } from '../../src/core/timeline/provenance/graph.ts';
import { Origins } from '../../src/core/timeline/provenance/origin.ts';
import { questionOf } from '../../src/core/timeline/provenance/what.ts';
import { finish } from '../../src/core/timeline/timeline.ts';
import { rowsOf } from '../../src/host/page/viewer/views/origin-picture.ts';
import { openRun, type RecordedRun } from '../../src/library.ts';
import { projectRoot } from '../support/poison.ts';
import { goTo, opened, settled, skip, testBrowser, textOf, untilPassed } from './browser.ts';

const tasks = join(projectRoot, 'replay-logs/tasks.rlog');
const NOW = 9000;
const browser = testBrowser();
let page: Page;
let wrong: string[];
let run: RecordedRun;

before(async () => {
  if (skip !== false) return;
  run = await openRun(readFileSync(tasks));
  ({ page, wrong } = await opened(browser, tasks));
  await untilPassed(page);
  await page.click('#tab-ask');
  await settled(page);
});

async function ask(label: string, text: string): Promise<void> {
  await page.fill(`[aria-label="${label}"]`, text);
  await page.press(`[aria-label="${label}"]`, 'Enter');
  await settled(page);
}

const shownTick = (): Promise<string | null> => page.getAttribute('canvas.timeline', 'aria-valuenow');

test('rows of a query are the rows of the library, and lead to their moments', { skip }, async () => {
  const text = 'io() where kind == "w" select port, value limit 20';
  const wanted: Record<string, unknown>[] = [];
  for await (const row of run.query(text)) wanted.push(row);
  assert.ok(wanted.length > 3, 'the guest has something to ask about');
  await ask('Query', text);
  const rows = page.locator('#view-ask tbody tr');
  await rows.first().waitFor();
  assert.equal(await rows.count(), wanted.length);
  const cells = await rows.nth(2).locator('td').allInnerTexts();
  assert.equal(cells[0], String(wanted[2].position));
  await rows.nth(2).locator('button').click();
  await settled(page);
  assert.equal(await shownTick(), String(wanted[2].position).split('/')[0]);
  await ask('Query', 'io() where');
  assert.match(await textOf(page.locator('.messages')), /is expected|expected|wanted|missing/i);
});

test('the origin of a value is a graph, nearest on top, whose nodes lead to their moments', { skip }, async () => {
  await goTo(page, String(NOW));
  await run.seek(NOW);
  const { timeline } = run;
  const { nodes } = finish(
    originGraph(new Origins(timeline), questionOf('[esp]', timeline.machine.cpu, timeline.position), 60),
  );
  await ask('Value whose origin is asked', '[esp]');
  const buttons = page.locator('#view-ask .origin-node');
  await buttons.first().waitFor();
  assert.equal(await buttons.count(), nodes.length);
  assert.match((await buttons.first().getAttribute('title')) ?? '', /^\[esp\]/);
  const first = nodes[0].links[0]?.step.position ?? nodes[0].question.position;
  await buttons.first().click();
  await settled(page);
  assert.equal(await shownTick(), String(first.tick));
  await ask('Value whose origin is asked', 'eip');
  assert.match(await textOf(page.locator('.messages')), /why-not/);
  assert.deepEqual(wrong, []);
});

test('a node stands below all that lead to it', () => {
  const edge = (from: number, to: number) => ({ from, to, isAddress: false });
  assert.deepEqual(
    rowsOf(5, [edge(0, 1), edge(0, 2), edge(1, 3), edge(2, 3), edge(3, 4), edge(4, 1)]),
    [0, 1, 1, 2, 3],
  );
  assert.deepEqual(rowsOf(4, [edge(0, 3), edge(0, 1), edge(1, 2), edge(2, 3)]), [0, 1, 2, 3]);
  assert.deepEqual(rowsOf(1, []), [0]);
});
