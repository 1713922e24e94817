// The screen at this moment, as dots and, in text modes, as text.
// Drawn by core/devices/display from registers and memory.

import { drawScreen, screenText } from '../../../../../core/devices/display/screen.ts';
import { vgaOf } from '../../../../../core/devices/display/vga.ts';
import type { WorkerSession } from '../session.ts';

export interface ScreenAnswer {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
  /** Null: it shows no text. */
  readonly text: readonly string[] | null;
}

/** Null: the machine has no screen. */
export async function screen(session: WorkerSession, _ask: null): Promise<ScreenAnswer | null> {
  const { timeline } = await session.recording();
  const vga = vgaOf(timeline.machine.board);
  if (vga === null) return null;
  const picture = vga.picture();
  return { ...drawScreen(picture), text: screenText(picture) };
}
