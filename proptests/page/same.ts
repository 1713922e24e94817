/**
 * Whether the page shows what the library says of the same recording at the same moment: registers, serial text, each
 * dot of the screen; and whether every view that has a tab comes to the front and shows something.
 */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { REGISTERS_32 } from '../../src/core/base/names.ts';
import { drawScreen, screenText } from '../../src/core/devices/display/screen.ts';
import { vgaOf } from '../../src/core/devices/display/vga.ts';
import { registers } from '../../src/host/debugger/views.ts';
import type { RecordedRun } from '../../src/library.ts';
import { goTo, settled, shownRegisters } from './browser.ts';

const COMPARED = [...REGISTERS_32, 'eip', 'eflags', 'cr0', 'cr3'];
const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');

/** FNV-1a over the dots: the same below, in the page. */
function digest(rgba: Uint8Array): number {
  let found = 0x811c9dc5;
  for (const byte of rgba) found = Math.imul(found ^ byte, 0x01000193) >>> 0;
  return found;
}

const SHOWN_DOTS = `{
  const canvas = document.querySelector('#view-screen canvas');
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  let found = 0x811c9dc5;
  for (const byte of data) found = Math.imul(found ^ byte, 0x01000193) >>> 0;
  ({ width: canvas.width, height: canvas.height, digest: found });
}`;

/** Goes there with the page and with the library, and compares. */
export async function assertSame(page: Page, run: RecordedRun, tick: number): Promise<void> {
  await goTo(page, String(tick));
  await run.seek(tick);
  const { machine } = run.timeline;
  const shown = await shownRegisters(page);
  const values = registers(machine.cpu);
  for (const name of COMPARED) assert.equal(shown[name], hex(values[name]), `${name} at tick ${tick}`);
  await page.click('#tab-serial');
  await settled(page);
  const text = String(await page.locator('#view-serial pre').textContent());
  const sent = new TextDecoder().decode(run.serial(), { stream: true });
  const isWhole = text.length === sent.length || text.length > 1 << 17;
  const place = [...sent].findIndex((letter, i) => letter !== text[i]);
  assert.ok(
    sent.endsWith(text) && isWhole,
    `text at tick ${tick}: ${text.length} letters of ${sent.length}, other ones from ${place} on: ` +
      JSON.stringify([sent.slice(place, place + 40), text.slice(place, place + 40)]),
  );
  const vga = vgaOf(machine.board);
  if (vga === null) return;
  await page.click('#tab-screen');
  await settled(page);
  const picture = vga.picture();
  const { width, height, rgba } = drawScreen(picture);
  assert.deepEqual(await page.evaluate(SHOWN_DOTS), { width, height, digest: digest(rgba) }, `screen at tick ${tick}`);
  const rows = screenText(picture);
  const words = String(await page.locator('#view-screen pre').textContent());
  assert.equal(words, rows === null ? '' : rows.join('\n').trimEnd(), `text of the screen at tick ${tick}`);
}

/** The views that have a tab for what is open. */
export function viewIds(page: Page): Promise<string[]> {
  return page
    .locator('.bench:first-child [role=tab]')
    .evaluateAll((tabs) =>
      tabs.filter((tab) => !(tab as unknown as { hidden: boolean }).hidden).map(({ id }) => id.slice('tab-'.length)),
    );
}

/** Brings each view to the front, one after the other; each must show something. */
export async function assertEveryView(page: Page): Promise<string[]> {
  const ids = await viewIds(page);
  for (const id of ids) {
    await page.click(`#tab-${id}`);
    await settled(page);
    const parts = await page.locator(`#view-${id} :is(canvas, table, pre, dl, ol, ul, button, select)`).count();
    assert.ok(parts > 0, `the view ${id} is empty`);
  }
  return ids;
}
