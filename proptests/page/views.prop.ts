// Every view of the page on recordings of ours: what it shows is what the library says, or the debugger; a recording
// is compared with itself on another engine, and with another one.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { explainTiers } from '../../tiers/explain.ts';
import { finish } from '../../src/core/timeline/timeline.ts';
import { gdtLines, idtLines } from '../../src/host/debugger/tables.ts';
import { linearEip } from '../../src/host/debugger/views.ts';
import { assembleGuest, buildGuest } from '../../src/host/node/guest-images.ts';
import { EIP } from '../../src/core/state/layout.ts';
import { createMachine, openRun, record, type RecordedRun, serialText } from '../../src/library.ts';
import { SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { LEFT } from '../../src/host/page/viewer/timeline/draw.ts';
import { projectRoot } from '../support/poison.ts';
import { goTo, made, opened, settled, skip, testBrowser, textOf, untilPassed, VIEWER } from './browser.ts';

const tasks = join(projectRoot, 'replay-logs/tasks.rlog');
const browser = testBrowser();
let run: RecordedRun;

before(async () => {
  if (skip !== false) return;
  run = await openRun(readFileSync(tasks));
});

async function withPage(work: (page: Page) => Promise<void>, colorScheme: 'light' | 'dark' = 'light'): Promise<void> {
  const { page, wrong } = await opened(browser, tasks, { colorScheme });
  await untilPassed(page);
  await work(page);
  assert.deepEqual(wrong, []);
  await page.close();
}

/** Brings a view to the front and waits until it shows the moment. */
async function show(page: Page, id: string): Promise<string> {
  await page.click(`#tab-${id}`);
  await settled(page);
  return String(await textOf(page.locator(`#view-${id}`)));
}

test('code, memory, stack, tables, engine and devices at a moment', { skip }, async () => {
  await run.seek(5000);
  const { cpu } = run.timeline.machine;
  const bytes = (at: number, count: number): string =>
    [...run.read(at, count)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  await withPage(async (page) => {
    await goTo(page, '5000');
    const row = page.locator('#view-code tr.here');
    assert.equal(await textOf(row.locator('.address')), linearEip(cpu).toString(16).padStart(8, '0'));
    await page.click('text=Count executions');
    await page.waitForFunction("document.querySelector('#view-code .here .executed') !== null");
    let times = 0;
    const here = linearEip(cpu);
    await run.seek(0);
    finish(
      run.timeline.continueUntil((processor) => {
        if (linearEip(processor) === here) times++;
        return processor.now() >= run.endTick ? 1 : 0;
      }),
    );
    assert.equal(await textOf(page.locator('#view-code .here .executed')), `${times}×`);
    await run.seek(5000);
    await settled(page);
    await show(page, 'memory');
    const shown = await page.locator('#view-memory .byte').allInnerTexts();
    assert.equal(shown.join(''), bytes(run.evaluate('esp'), shown.length));
    const slots = await show(page, 'stack');
    assert.match(slots, new RegExp(bytesToWord(run.read(run.evaluate('esp'), 4))));
    await page.click('#tab-tables');
    for (const [name, text] of [
      ['gdt', gdtLines(cpu)],
      ['idt', idtLines(cpu, new SymbolTable()).split('\n')[0]],
    ]) {
      await page.selectOption('[aria-label="Table"]', name);
      await settled(page);
      const content = String(await page.locator('#view-tables pre').textContent());
      assert.ok(content.startsWith(text.slice(0, 40)), `${name}: ${content.slice(0, 200)}`);
    }
    await show(page, 'engine');
    await page.selectOption('[aria-label="Stage"]', 'IR as lifted');
    const ir = String(await page.locator('#view-engine pre').textContent());
    const block = explainTiers(run.read(linearEip(cpu), 96), 32);
    assert.ok(block !== null && ir.length > 50 && block.lifted.includes(ir.split('\n')[2]), ir);
    const heats = (await page.locator('#view-engine .heat .executed').allInnerTexts()).map((text) =>
      Number(text.replace(/[^0-9]/g, '')),
    );
    assert.ok(heats.length > 3 && heats[0] > 10, heats.join());
    assert.deepEqual(
      [...heats].sort((a, b) => b - a),
      heats,
    );
    assert.match(
      await textOf(page.locator('#view-engine .told')),
      /This block: (interpreted|compiled), entered|No block/,
    );
    const devices = await show(page, 'devices');
    for (const { name } of run.timeline.machine.board.devices) assert.ok(devices.includes(name), name);
    await page.click('#view-devices summary:has-text("pic")');
    assert.match(await textOf(page.locator('#view-devices')), /imr|mask/i);
  });
});

function bytesToWord(bytes: Uint8Array): string {
  return [...bytes]
    .reverse()
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}

test('last writes, watches, differences and searches lead where the library leads', { skip }, async () => {
  await run.seek(9000);
  const written = await run.lastWrite(run.evaluate('esp'), { sizeBytes: 1 });
  await withPage(async (page) => {
    await goTo(page, '9000');
    await page.locator('#view-memory .byte').first().click();
    await page.waitForSelector('#view-memory .told button');
    await page.click('#view-memory .told button');
    await settled(page);
    const tick = written?.position.tick ?? -1;
    assert.equal(await page.getAttribute('canvas.timeline', 'aria-valuenow'), String(tick));
    await goTo(page, 'last-write esp');
    await show(page, 'watches');
    await page.fill('[aria-label="Expression to watch"]', 'eax + 1');
    await page.press('[aria-label="Expression to watch"]', 'Enter');
    await settled(page);
    await goTo(page, '5000');
    await run.seek(5000);
    const value = (run.evaluate('eax + 1') >>> 0).toString(16);
    assert.match(await textOf(page.locator('#view-watches')), new RegExp(`0x${value}\\b`));
    await show(page, 'difference');
    await page.click('text=Mark this moment');
    await goTo(page, '5003');
    await page.click('text=Compare with the mark');
    await page.waitForSelector('#view-difference tbody tr');
    const told = await textOf(page.locator('#view-difference'));
    assert.match(told, /eip\s+00100416/);
    await goTo(page, 'fault:6');
    await run.seek('fault:6');
    assert.equal(await page.getAttribute('canvas.timeline', 'aria-valuenow'), String(run.position.tick));
    await goTo(page, 'no such place');
    assert.match(await textOf(page.locator('.messages')), /no such place/);
  });
});

/** Whether a timeline has a flag in the colour of problems at a tick. */
async function isFlagged(page: Page, canvas: string, tick: number): Promise<boolean> {
  return (await page.evaluate(`{
    const canvas = document.querySelector(${JSON.stringify(canvas)});
    const share = ${tick} / Number(canvas.getAttribute('aria-valuemax'));
    const x = Math.floor(${LEFT} + share * (canvas.width - ${LEFT}));
    const { data } = canvas.getContext('2d').getImageData(Math.max(0, x - 4), 18, 9, 4);
    let found = false;
    for (let i = 0; i < data.length; i += 4) {
      if (Math.abs(data[i] - 0xb3) + Math.abs(data[i + 1] - 0x1d) + Math.abs(data[i + 2] - 0x28) < 90) found = true;
    }
    found;
  }`)) as boolean;
}

test('two runs side by side: the other follows by tick and by event, and the first difference is marked', {
  skip,
}, async () => {
  const ours = 'canvas.timeline';
  const theirs = '.bench + .bench canvas.timeline';
  const tickOf = (canvas: string): Promise<number> => page.getAttribute(canvas, 'aria-valuenow').then(Number);
  const { page, wrong } = await opened(browser, tasks);
  await untilPassed(page);
  await show(page, 'compare');
  await page.selectOption('[aria-label="Engine of the other run"]', 'js');
  await page.click('text=Same recording');
  await settled(page);
  assert.equal(await page.locator('.bench').count(), 2);
  await goTo(page, '5000');
  assert.equal(await tickOf(theirs), 5000);
  assert.equal(await page.locator('#view-compare .changed').count(), 0);
  const values = (root: string): Promise<string[]> =>
    page.locator(`${root} .register .value, ${root} .register`).allInnerTexts();
  assert.deepEqual(await values('#beside-view-registers'), await values('#view-registers'));
  await page.click('#beside-tab-memory');
  await settled(page);
  assert.deepEqual(
    await page.locator('#beside-view-memory .byte').allInnerTexts(),
    await page.locator('#view-memory .byte').allInnerTexts(),
  );
  await page.click('text=First difference');
  await settled(page);
  assert.match(await textOf(page.locator('#view-compare .told')), /^No difference up to tick/);
  // The other way a run of the same guest went: an input more.
  const quiet = { images: { kernel: buildGuest('race') }, memoryMegabytes: 4, engine: 'interp', maxTicks: 60_000 };
  const disturbed = { ...quiet, inputs: [{ tick: 30_000, event: serialText('7') }] };
  const [one, two] = [(await record({ ...quiet, embed: true })).log, (await record({ ...disturbed, embed: true })).log];
  await page.setInputFiles('#file', made('one.rlog', one));
  await settled(page);
  assert.equal(await page.locator('.bench').count(), 1);
  await untilPassed(page);
  await show(page, 'compare');
  await page.setInputFiles('#compare-file', made('two.rlog', two));
  await settled(page);
  await page.click('text=First difference');
  await settled(page);
  const [first, second] = [await openRun(one), await openRun(two)];
  const at = await tickOf(ours);
  for (const [tick, isSame] of [
    [at - 1, true],
    [at, false],
  ] as const) {
    await first.seek(tick);
    await second.seek(tick);
    assert.equal(first.hash() === second.hash(), isSame, `tick ${tick}`);
  }
  assert.ok((await isFlagged(page, ours, at)) && (await isFlagged(page, theirs, at)), 'both timelines mark it');
  // By an event: where the other run is at the same interrupt of the same lane.
  const lane = String(
    await page.locator('[aria-label="Aligned by"] option', { hasText: 'by vector' }).first().getAttribute('value'),
  );
  await page.selectOption('[aria-label="Aligned by"]', lane);
  await settled(page);
  await goTo(page, 'end');
  await page.click('#tab-events');
  await settled(page);
  const wanted = { key: lane, vector: Number(lane.split(':')[1]) };
  const ticksOf = async (log: Uint8Array): Promise<number[]> => {
    const run = await openRun(log);
    const found: number[] = [];
    finish(
      run.timeline.listen(
        { tick: run.endTick, seq: 0 },
        {
          delivered: (kind, vector) => {
            if (kind === 'interrupt' && vector === wanted.vector) found.push(run.timeline.machine.cpu.now());
          },
        },
      ),
    );
    return found;
  };
  const [mine, its] = [await ticksOf(one), await ticksOf(two)];
  const chosen = Math.min(mine.length, its.length) - 1;
  await goTo(page, String(mine[chosen]));
  assert.equal(await tickOf(theirs), its[chosen]);
  await show(page, 'compare');
  await page.click('text=Close the other run');
  assert.equal(await page.locator('.bench').count(), 1);
  assert.deepEqual(wrong, []);
  await page.close();
});

test('checkpoints of a long run lie close enough for a hand that drags', { skip }, async () => {
  const page = await browser.newPage();
  const { log } = await record({
    images: { kernel: buildGuest('echo') },
    memoryMegabytes: 4,
    maxTicks: 2 ** 28,
    embed: true,
  });
  await page.goto(VIEWER);
  await page.setInputFiles('#file', made('long.rlog', log));
  await settled(page);
  assert.match(await show(page, 'facts'), /every 2\u202f097\u202f152 ticks/);
  await page.close();
});

test('a heisenbug: from what the guest said to who wrote the number', { skip }, async () => {
  const base = { images: { kernel: buildGuest('race') }, memoryMegabytes: 4, engine: 'interp', embed: true };
  // A byte at the wrong moment: while the teller holds the old balance.
  const { symbols } = assembleGuest('race');
  const [first, last] = [symbols.get('deposit') ?? 0, (symbols.get('deposit') ?? 0) + 0xe];
  const walk = await createMachine(base);
  let tick = 300_000;
  for (walk.run(tick); ; walk.run(++tick)) {
    const eip = walk.machine.cpu.m32[EIP];
    if (eip > first && eip < last) break;
  }
  const { log } = await record({ ...base, inputs: [{ tick, event: serialText('7') }], maxTicks: 400_000 });
  const lost = await openRun(log);
  await lost.seek('serial:"LOST UPDATE"');
  const said = lost.position.tick;
  const written = await lost.lastWrite(0x200010);
  const { page, wrong } = await opened(browser, made('lost.rlog', log));
  await untilPassed(page);
  await goTo(page, 'serial:"LOST UPDATE"');
  assert.equal(await page.getAttribute('canvas.timeline', 'aria-valuenow'), String(said));
  await goTo(page, 'last-write 0x200010');
  assert.equal(await page.getAttribute('canvas.timeline', 'aria-valuenow'), String(written?.position.tick));
  assert.match(await textOf(page.locator('#view-code .here')), /\[0x200010\]/);
  assert.deepEqual(wrong, []);
  await page.close();
});
