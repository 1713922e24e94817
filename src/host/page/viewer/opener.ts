// Opening: from what the page was given, from files that a person gives, again after the worker had to be replaced.
// Keeps what it takes to open it again, with the images that were asked for.

import { startsWithMagic } from '../../../core/log/frames.ts';
import type { App } from './app.ts';
import type { Attachment, GivenNames, PageSettings } from '../attachments.ts';
import { remembered, saveBookmark, setKeeper } from './bookmark-keeper.ts';
import { checkpointBytes, lessBytes } from './budget.ts';
import { Client } from './client.ts';
import { h } from './dom.ts';
import type { MissingImage, OpenAsk } from './worker/opened.ts';
import type { RemoteImage } from './worker/remote-image.ts';

interface Named {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly offset?: number;
}

interface Recording {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly images: Named[];
  readonly remote: readonly RemoteImage[];
  readonly symbols: readonly Named[];
  readonly names: readonly GivenNames[];
  readonly sources: readonly { readonly name: string; readonly text: string }[];
  /** A server appends bookmarks to its file. */
  readonly keeper: string | null;
}

const NOTHING_ELSE = { remote: [], symbols: [], names: [], sources: [], keeper: null } as const;

/** Read in parts, not loaded. */
const isRemote = ({ role, sha256 }: Attachment): boolean => role === 'image' && sha256 !== undefined;

/** A recording at which the worker was lost so often is not opened again. */
const LOSSES_MAX = 2;
const DEFAULT_ENGINE = 'tiered';

export class Opener {
  private readonly app: App;
  private readonly given: PageSettings;
  private current: Recording | null = null;
  private losses = 0;
  private checkpointBytesMax = checkpointBytes();
  engine: string;
  /** Asks a person for images; each that is given is tried. */
  onMissing: (missing: readonly MissingImage[]) => void = () => {};
  onBusy: (text: string) => void = () => {};

  constructor(app: App, given: PageSettings, startWorker: () => Worker) {
    this.app = app;
    this.app.openBeside = (engine, file) => this.openBeside(startWorker, engine, file);
    this.given = given;
    this.engine = given.engine ?? DEFAULT_ENGINE;
  }

  /** What came with the page. */
  openGiven(): Promise<void> {
    return this.app.client.during(() => this.openAttachments());
  }

  private async openAttachments(): Promise<void> {
    const log = this.given.attachments.find(({ role }) => role === 'log');
    if (log === undefined) return;
    this.onBusy(`Loading ${log.name}…`);
    try {
      const of = (role: Attachment['role']): Promise<Named[]> =>
        Promise.all(this.given.attachments.filter((each) => each.role === role && !isRemote(each)).map(bytesOf));
      const [{ name, bytes }, images, symbols, names, sources] = await Promise.all([
        bytesOf(log),
        of('image'),
        of('symbols'),
        of('names'),
        of('source'),
      ]);
      await this.open({
        name,
        bytes,
        images,
        remote: this.given.attachments.filter(isRemote).map(({ address = '', sha256 = '', ...image }) => ({
          name: image.name,
          sizeBytes: image.sizeBytes,
          sha256,
          address: new URL(address, location.href).href,
        })),
        symbols,
        names: names.map((each) => JSON.parse(new TextDecoder().decode(each.bytes)) as GivenNames),
        sources: sources.map((each) => ({ name: each.name, text: new TextDecoder().decode(each.bytes) })),
        keeper: this.given.keeper,
      });
    } catch (error) {
      this.app.tell(error);
    } finally {
      this.onBusy('');
    }
  }

  /** Files that a person gave: a recording, or the images that were asked for. */
  openFiles(files: readonly File[]): Promise<void> {
    return this.app.client.during(() => this.readAndOpen(files));
  }

  private async readAndOpen(files: readonly File[]): Promise<void> {
    this.onBusy('Reading…');
    const named: Named[] = [];
    for (const file of files) {
      try {
        named.push({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });
      } catch {
        this.app.say(`${file.name} cannot be read: give a file, not a folder.`, 'problem');
      }
    }
    if (named.length === 0) {
      this.onBusy('');
      return;
    }
    const isLog = ({ bytes }: Named): boolean => startsWithMagic(bytes);
    const logs = named.filter(isLog);
    const others = named.filter((each) => !isLog(each));
    if (logs.length === 0 && this.current !== null && this.app.state.facts === null) {
      this.current.images.push(...others);
      await this.open(this.current);
      return;
    }
    const [log = named[0]] = logs;
    const rest = others.filter((each) => each !== log);
    this.losses = 0;
    await this.open({ ...log, images: rest, ...NOTHING_ELSE });
  }

  async openBytes(name: string, bytes: Uint8Array, images: Named[], names: readonly GivenNames[]): Promise<void> {
    await this.open({ name, bytes, images, ...NOTHING_ELSE, names });
  }

  private async open(recording: Recording, tick: number | null = null): Promise<void> {
    const { app } = this;
    this.current = recording;
    this.onBusy(`Opening ${recording.name}…`);
    app.set({ facts: null, moment: null, pass: { tick: 0, isDone: false }, bookmarks: [], speed: null });
    try {
      const { name, bytes, images, remote, symbols, names, sources } = recording;
      const files = { images, remote, symbols, names, sources };
      const { engine, checkpointBytesMax } = this;
      const ask: OpenAsk = { log: bytes, ...files, engine, checkpointBytesMax, salvage: true };
      const facts = await app.client.ask('open', ask);
      if ('missing' in facts) {
        this.onMissing(facts.missing);
        return;
      }
      this.onMissing([]);
      const digest = facts.images.map(({ sha256 }) => sha256.slice(0, 8)).join('');
      setKeeper({ address: recording.keeper, key: `reprise:${name}:${facts.endTick}:${digest}` });
      app.set({
        facts,
        logName: name,
        moment: facts.moment,
        bookmarks: facts.bookmarks,
        window: { from: 0, to: Math.max(1, facts.endTick) },
      });
      for (const bookmark of remembered(facts.bookmarks)) await saveBookmark(app, bookmark);
      if (tick !== null) await app.seek(tick);
    } catch (error) {
      app.tell(error);
    } finally {
      this.onBusy('');
    }
  }

  /** The worker is another one: opens again what was open, where it was; with less memory where it was short of it. */
  async reopen(why: string, isShort: boolean): Promise<void> {
    const { app, current } = this;
    const less = isShort ? lessBytes(this.checkpointBytesMax) : null;
    if (less !== null && current !== null && app.state.facts !== null) {
      const tick = app.state.moment?.tick ?? null;
      this.checkpointBytesMax = less;
      app.say('The browser ran short of memory: fewer moments are kept at hand, and ways become longer.', 'note');
      await this.open(current, tick);
      return;
    }
    if (current === null || app.state.facts === null || ++this.losses > LOSSES_MAX) {
      app.set({ facts: null, moment: null });
      app.say(`This recording could not be run (${why}): try another engine, or reprise debug.`, 'problem');
      return;
    }
    const tick = app.state.moment?.tick ?? null;
    app.say(`Something went wrong (${why}); the recording was opened again.`, 'problem');
    await this.open(current, tick);
  }

  private async openBeside(startWorker: () => Worker, engine: string, file: File | null) {
    const { current } = this;
    if (current === null) throw new Error('No recording is open.');
    const bytes = file === null ? current.bytes : new Uint8Array(await file.arrayBuffer());
    const client = new Client(startWorker);
    try {
      const { checkpointBytesMax } = this;
      const facts = await client.ask('open', { ...current, log: bytes, engine, checkpointBytesMax, salvage: true });
      if ('missing' in facts) throw new Error(`It needs ${facts.missing.map(({ name }) => name).join(', ')} too.`);
      return { client, facts };
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** The engine for what follows; the guest does not notice. */
  async useEngine(name: string): Promise<void> {
    this.engine = name;
    if (this.current !== null) await this.open(this.current, this.app.state.moment?.tick ?? null);
  }

  /** The log with its bookmarks, as a file. */
  async download(): Promise<void> {
    const answer = await this.app.ask('pack', null);
    if (answer === null) return;
    saveFile(this.app.state.logName, answer.file);
  }
}

export function saveFile(name: string, bytes: Uint8Array): void {
  const address = URL.createObjectURL(new Blob([bytes.slice()], { type: 'application/octet-stream' }));
  const link = h('a', { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

async function bytesOf({ name, element, address, offset }: Attachment): Promise<Named> {
  if (element !== undefined) {
    const holder = document.getElementById(element);
    const text = holder?.textContent ?? '';
    // Twice in memory is once too often.
    holder?.remove();
    return { name, bytes: await fromBase64(text), ...(offset === undefined ? {} : { offset }) };
  }
  const response = await fetch(address ?? '');
  if (!response.ok) throw new Error(`${name} could not be loaded: ${await response.text()}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { name, bytes, ...(offset === undefined ? {} : { offset }) };
}

const BASE64_PIECE = 1 << 22;

/** In pieces, so that the page stays alive. */
async function fromBase64(text: string): Promise<Uint8Array> {
  const clean = text.trim();
  const padding = clean.endsWith('==') ? 2 : clean.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((clean.length / 4) * 3 - padding);
  let at = 0;
  for (let i = 0; i < clean.length; i += BASE64_PIECE) {
    const piece = atob(clean.slice(i, i + BASE64_PIECE));
    for (let k = 0; k < piece.length; k++) bytes[at++] = piece.charCodeAt(k);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return bytes;
}
