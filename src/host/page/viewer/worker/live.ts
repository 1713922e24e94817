// A guest that runs live and is recorded from its first instruction: booted from a built-in image or from files, driven
// in short pieces by the page's frames, so that keys are heard between them. When it has ended its log is opened like
// any other.

import { drawScreen, screenText } from '../../../../core/devices/display/screen.ts';
import { vgaOf } from '../../../../core/devices/display/vga.ts';
import type { InputEvent } from '../../../../core/log/events.ts';
import { type LiveRecording, startRecording, UsageError } from '../../../../library.ts';
import type { ScreenAnswer } from './answers/screen.ts';
import type { GivenFile } from './opened.ts';

export interface BootAsk {
  readonly kernel: GivenFile | null;
  readonly initrd: GivenFile | null;
  readonly bios: GivenFile | null;
  readonly vgaBios: GivenFile | null;
  /** By role: hda, cdrom, fda. */
  readonly drives: readonly { readonly role: string; readonly bytes: Uint8Array }[];
  readonly append: string;
  readonly memoryMegabytes: number;
  readonly hasScreen: boolean;
  readonly engine: string;
}

/** A frame of the page may take so long. */
const TURN_MS = 40;
const FIRST_PIECE_TICKS = 1 << 18;
const PIECE_TICKS_MIN = 1 << 12;

export interface LiveState {
  readonly tick: number;
  /** Why it is over; '' while it runs. */
  readonly ended: string;
  /** Nothing but an input can go on. */
  readonly isIdle: boolean;
  readonly serial: Uint8Array;
  readonly screen: ScreenAnswer | null;
}

export class LiveGuest {
  private readonly recording: LiveRecording;
  private readonly sent: number[];
  private pieceTicks = FIRST_PIECE_TICKS;
  private ended = '';

  private constructor(recording: LiveRecording, sent: number[]) {
    this.recording = recording;
    this.sent = sent;
  }

  static async boot(ask: BootAsk): Promise<LiveGuest> {
    const sent: number[] = [];
    const { kernel, initrd, bios, vgaBios } = ask;
    const recording = await startRecording({
      images: {
        ...(kernel === null ? {} : { kernel: kernel.bytes }),
        ...(initrd === null ? {} : { initrd: initrd.bytes }),
        ...(bios === null ? {} : { bios: bios.bytes }),
        ...(vgaBios === null ? {} : { vgaBios: vgaBios.bytes }),
        drives: Object.fromEntries(ask.drives.map(({ role, bytes }) => [role, bytes])),
      },
      ...(ask.append === '' ? {} : { append: ask.append }),
      ...(ask.hasScreen ? { vga: 'std' as const } : {}),
      memoryMegabytes: ask.memoryMegabytes,
      epochSeconds: Math.floor(Date.now() / 1000),
      engine: ask.engine,
      embed: true,
      onSerial: (line, byte) => {
        if (line === 0) sent.push(byte);
      },
    });
    return new LiveGuest(recording, sent);
  }

  get nsPerTick(): number {
    return this.recording.manifest.nsPerTick;
  }

  push(events: readonly InputEvent[]): void {
    if (this.ended !== '') throw new UsageError('The guest has ended: look at its recording, or boot it again.');
    for (const event of events) this.recording.push(event);
  }

  /** On by so many ticks, or as far as a frame lasts. */
  advance(ticks: number): LiveState {
    const { recording } = this;
    const target = recording.tick + Math.max(1, Math.floor(ticks));
    const endMs = performance.now() + TURN_MS;
    let isIdle = false;
    while (this.ended === '' && !isIdle && recording.tick < target) {
      const startMs = performance.now();
      if (startMs >= endMs) break;
      const reason = recording.run(Math.min(target, recording.tick + this.pieceTicks));
      if (reason === 'idle') isIdle = true;
      else if (reason !== 'tick') this.ended = reason;
      const takenMs = performance.now() - startMs;
      if (takenMs > TURN_MS / 2) this.pieceTicks = Math.max(PIECE_TICKS_MIN, this.pieceTicks / 2);
      else if (takenMs < TURN_MS / 8) this.pieceTicks *= 2;
    }
    const vga = vgaOf(recording.machine.board);
    const picture = vga?.picture() ?? null;
    return {
      tick: recording.tick,
      ended: this.ended,
      isIdle,
      serial: Uint8Array.from(this.sent.splice(0)),
      screen: picture === null ? null : { ...drawScreen(picture), text: screenText(picture) },
    };
  }

  /** Ends it here; the whole log, with its images. */
  finish(): { readonly log: Uint8Array; readonly hash: string | null } {
    const { log, hash } = this.recording.finish(this.ended === '' ? 'stopped' : (this.ended as 'stopped'));
    return { log, hash };
  }
}
