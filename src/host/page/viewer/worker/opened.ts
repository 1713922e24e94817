// One opened recording: the run to walk in, where the user is in it, what names and debug information there are, its
// bookmarks, and the first pass with its lanes.

import { sha256 } from '../../../../core/base/sha256.ts';
import type { ImageContent } from '../../../../core/board/image.ts';
import { hasImage } from '../../../../core/log/log-images.ts';
import { type Bookmark, encodeBookmark, readBookmarks } from '../../../../core/timeline/bookmarks.ts';
import { plightOf } from '../../../../core/machine/plight.ts';
import { chooseInterval } from '../../../../core/timeline/page-records.ts';
import type { Stop, Timeline } from '../../../../core/timeline/timeline.ts';
import { LogError, type LogReader, openLog, openRun, type Position, type RecordedRun } from '../../../../library.ts';
import { UsageError } from '../../../../library.ts';
import type { Disassembler } from '../../../debugger/views.ts';
import { linearEip } from '../../../debugger/views.ts';
import { DebugInfo } from '../../../dwarf/debug-info.ts';
import { GuestSymbols, slideOfFile } from '../../../symbols/guest-symbols.ts';
import { readElfSymbols, readSystemMap } from '../../../symbols/read-symbols.ts';
import { SourceLevel } from '../../../symbols/source-level.ts';
import { symbolOf, SymbolSource, SymbolTable } from '../../../symbols/symbol-table.ts';
import { loadListing } from '../../../debugger/disassemble.ts';
import type { GivenNames } from '../../attachments.ts';
import type { Moment } from '../protocol.ts';
import { Lanes } from './lanes.ts';
import { Pass } from './pass.ts';
import { type RemoteImage, remoteImage } from './remote-image.ts';

/**
 * A hand that drags wants to see a place within a tenth of a second: the interpreter comes so far in 20 ms, and what
 * the guest writes meanwhile is mostly in the next checkpoint's pages anyway (measured on a Debian boot: 487 MiB with
 * eight times as many checkpoints as with 183 MiB, and the pass takes as long).
 */
const INTERVAL_TICKS = 1 << 21;
/** More intervals a run is not cut into: what is known of each takes memory beside the checkpoints'. */
const INTERVALS_MAX = 1 << 12;

export interface GivenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Of symbols: how far their code is from where they say, where that was given. */
  readonly offset?: number;
}

export interface OpenAsk {
  readonly log: Uint8Array;
  /** Files that may be the images that the log does not hold. */
  readonly images: readonly GivenFile[];
  /** Images that are read in parts. */
  readonly remote: readonly RemoteImage[];
  readonly symbols: readonly GivenFile[];
  readonly names: readonly GivenNames[];
  readonly sources: readonly { readonly name: string; readonly text: string }[];
  readonly engine: string;
  /** Memory for checkpoints. */
  readonly checkpointBytesMax: number;
  /** Use what is before the damaged part of a damaged log. */
  readonly salvage: boolean;
}

export interface MissingImage {
  readonly role: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** The recording was left at a fault of a user's file: what it is, as a list to ask for. */
export class ImagesMissing extends Error {
  readonly missing: readonly MissingImage[];

  constructor(missing: readonly MissingImage[]) {
    super('images are missing');
    this.missing = missing;
  }
}

export class Opened {
  readonly run: RecordedRun;
  readonly timeline: Timeline;
  readonly log: LogReader;
  readonly symbols = new SymbolTable();
  readonly guest: GuestSymbols;
  readonly source: SourceLevel;
  readonly sources: OpenAsk['sources'];
  readonly disassemble: Disassembler;
  readonly lanes = new Lanes();
  readonly pass: Pass;
  /** Where the user is; the machine may be elsewhere for a while. */
  here: Position = { tick: 0, seq: 0 };
  bookmarks: Bookmark[];
  /** Frames of bookmarks that were made here and are not in `file` yet. */
  readonly added: Uint8Array[] = [];

  constructor(run: RecordedRun, ask: OpenAsk, disassemble: Disassembler) {
    this.run = run;
    this.timeline = run.timeline;
    this.log = run.timeline.log;
    this.disassemble = disassemble;
    this.sources = ask.sources;
    for (const given of ask.symbols) this.symbols.add(symbolsOf(given));
    for (const { label, symbols } of ask.names) {
      this.symbols.add(
        new SymbolSource(
          label,
          symbols.map(([name, address, kind]) => symbolOf(name, address, kind)),
        ),
      );
    }
    const kernel = run.images.get('kernel');
    if (kernel instanceof Uint8Array) this.addKernel(kernel);
    this.guest = new GuestSymbols(this.symbols, run.images);
    this.source = new SourceLevel(this.symbols);
    this.bookmarks = readBookmarks(this.log);
    this.pass = new Pass(this.timeline, this.lanes, this.guest);
  }

  private addKernel(kernel: Uint8Array): void {
    const ofElf = readElfSymbols(kernel);
    if (ofElf.length === 0) return;
    const source = new SymbolSource('the kernel image', ofElf);
    source.debug = DebugInfo.of(kernel);
    source.slide = slideOfFile(source, null);
    this.symbols.add(source);
  }

  /** The place where the machine stands is where the user is from now on. */
  moved(stop: Stop | null, why = ''): Moment {
    const { timeline } = this;
    const { machine } = timeline;
    this.here = stop?.position ?? timeline.position;
    this.guest.refresh(machine.cpu);
    const eip = linearEip(machine.cpu);
    const plight = plightOf(machine);
    return {
      tick: this.here.tick,
      seq: this.here.seq,
      endTick: timeline.endTick,
      eip,
      symbol: this.symbols.describe(eip),
      why: [why, plight?.text ?? ''].filter((text) => text !== '').join(', '),
      isHalted: plight !== null,
    };
  }

  setBookmark(name: string, note: string, position: Position | null): Uint8Array {
    const { log } = this;
    if (log.trailingBytes > 0 || log.damage !== null) {
      throw new UsageError('The log cannot take bookmarks, it was cut off in the middle of a frame.');
    }
    const frame = encodeBookmark(log.frames.length + this.added.length, name, note, position);
    this.added.push(frame);
    this.bookmarks = this.bookmarks.filter((each) => each.name !== name);
    if (position !== null) this.bookmarks.push({ name, note, position });
    return frame;
  }
}

function symbolsOf({ name, bytes, offset }: GivenFile): SymbolSource {
  const ofElf = readElfSymbols(bytes);
  const symbols = ofElf.length > 0 ? ofElf : readSystemMap(new TextDecoder('latin1').decode(bytes));
  if (symbols.length === 0) {
    throw new UsageError(`${name} holds no symbols: give an ELF file (vmlinux), a System.map or /proc/kallsyms.`);
  }
  const source = new SymbolSource(name, symbols);
  source.debug = ofElf.length > 0 ? DebugInfo.of(bytes) : null;
  source.slide = slideOfFile(source, offset ?? null);
  return source;
}

/** Throws ImagesMissing for images that are neither in the log nor given, and what the library throws. */
export async function openRecording(ask: OpenAsk): Promise<Opened> {
  const log = openLog(ask.log, { salvage: ask.salvage });
  const given: Record<string, ImageContent> = {};
  ask.images.forEach(({ bytes }, i) => {
    given[`given${i}`] = bytes;
  });
  ask.remote.forEach((image, i) => {
    given[`remote${i}`] = remoteImage(image);
  });
  try {
    const run = await openRun(log, {
      images: { media: given },
      engine: ask.engine,
      checkpointBytesMax: ask.checkpointBytesMax,
      intervalTicks: intervalTicks(log.lastTick),
    });
    return new Opened(run, ask, await loadListing());
  } catch (error) {
    if (error instanceof LogError && error.kind === 'image') {
      const missing = missingImages(log, ask);
      if (missing.length > 0) throw new ImagesMissing(missing);
    }
    throw error;
  }
}

function intervalTicks(runTicks: number): number {
  let most = INTERVAL_TICKS;
  while (most * INTERVALS_MAX < runTicks) most *= 2;
  return chooseInterval(runTicks, most);
}

function missingImages(log: LogReader, { images: given, remote }: OpenAsk): MissingImage[] {
  const digests = new Map<GivenFile, string>();
  return log.header.machine.images.filter((record, index) => {
    if (hasImage(log, index) || remote.some(({ sha256: digest }) => digest === record.sha256)) return false;
    return !given.some((file) => {
      if (file.bytes.length !== record.sizeBytes) return false;
      const digest = digests.get(file) ?? sha256(file.bytes);
      digests.set(file, digest);
      return digest === record.sha256;
    });
  });
}
