/**
 * Chromium for the tests of the page: started once a file, with eyes on what a page must not do (errors, warnings, any
 * request to a network). Needs Debian's chromium; without it tests that use this are skipped by name.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Locator, type Page } from 'playwright-core';
import { projectRoot } from '../support/poison.ts';

/** The page without a recording, opened from disk. */
export const VIEWER = pathToFileURL(join(projectRoot, 'dist/src/host/page/viewer.html')).href;

/** Whether a page has come to an end is asked, not timed: this is for one that never does, on a host that is busy. */
const PATIENCE_MS = 300_000;
const CHROMIUM = '/usr/bin/chromium';
export const skip = existsSync(CHROMIUM) ? false : `no ${CHROMIUM}: apt-get install chromium`;

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });

/** The page as the sources are now. */
export function buildPage(): void {
  const script = join(projectRoot, 'src/host/page/viewer/bundle.mjs');
  const built = spawnSync(process.execPath, [script, 'stale'], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`the page could not be built: ${built.stderr}`);
}

/**
 * One Chromium for all tests of a file, on the page as the sources are now: started for the first page that is asked
 * for, closed behind the last test.
 */
export function testBrowser(): Pick<Browser, 'newPage' | 'newContext'> {
  let started: Promise<Browser> | null = null;
  after(async () => {
    await (await started)?.close();
  });
  const browser = (): Promise<Browser> => {
    if (started === null) buildPage();
    started ??= launch();
    return started;
  };
  return {
    newPage: async (options) => await (await browser()).newPage(options),
    newContext: async (options) => await (await browser()).newContext(options),
  };
}

/** What a page does that it must not; `origin`: it may ask that server. */
export function watch(page: Page, origin = ''): string[] {
  const wrong: string[] = [];
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') wrong.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const isOwn = origin !== '' && request.url().startsWith(origin);
    if (!isOwn && !/^(file|data|blob):/.test(request.url())) wrong.push(`request: ${request.url()}`);
  });
  return wrong;
}

/** A file as people give it to the page, made here. */
export const made = (name: string, bytes: Uint8Array): { name: string; mimeType: string; buffer: Buffer } => ({
  name,
  mimeType: '',
  buffer: Buffer.from(bytes),
});

/** A page that has been given a file, by its path or as it was made; `script` runs there before everything else. */
export async function opened(
  browser: Pick<Browser, 'newPage'>,
  file: string | ReturnType<typeof made>,
  { script = '', ...options }: BrowserContextOptions & { readonly script?: string } = {},
): Promise<{ page: Page; wrong: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  const wrong = watch(page);
  if (script !== '') await page.addInitScript(script);
  await page.goto(VIEWER);
  await page.setInputFiles('#file', file);
  return { page, wrong };
}

/** Until the run is open and has been passed once. */
export async function untilPassed(page: Page): Promise<void> {
  await page.waitForSelector('main:not([hidden])', { timeout: PATIENCE_MS });
  await page.waitForFunction("document.documentElement.dataset.passed === 'yes'", null, { timeout: PATIENCE_MS });
}

/** Goes to a position as a person would, and waits until every view in front shows it. */
export async function goTo(page: Page, position: string): Promise<void> {
  await page.fill('[aria-label="Go to a position"]', position);
  await page.press('[aria-label="Go to a position"]', 'Enter');
  await settled(page);
}

/** Until nothing is asked of the worker any more. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction("document.documentElement.dataset.busy === 'no'", null, { timeout: PATIENCE_MS });
}

/** Registers as the page shows them. */
export async function shownRegisters(page: Page): Promise<Record<string, string>> {
  const rows = await page
    .locator('#view-registers .register')
    .evaluateAll((cells) => cells.map((cell) => [...cell.children].map((part) => part.textContent ?? '')));
  return Object.fromEntries(rows.map(([name, value]) => [name, value]));
}

/** The text of what a locator finds, as it is seen. */
export const textOf = async (locator: Locator): Promise<string> => (await locator.allInnerTexts()).join('\n');
