// The screen of a machine, for commands that show it: its picture, its text, and why there is none. What is drawn is
// core/devices/display's business; files are png.ts and screenshots.ts.

import { drawScreen, type Screen, screenText } from '../../core/devices/display/screen.ts';
import { type VgaPicture, vgaOf } from '../../core/devices/display/vga.ts';
import type { Machine } from '../../core/machine/machine.ts';
import type { MachineManifest } from '../../core/log/manifest.ts';

/** Why no screen of such a machine can be shown, as a sentence; null when one can. */
export function whyNoScreen({ options }: MachineManifest, devices: 'model' | 'log'): string | null {
  if (options.vga === undefined) {
    return 'The machine has no screen: one is there when firmware starts it, or when it is recorded with --vga std.';
  }
  return devices === 'log' ? 'Without devices nobody knows what the screen shows: leave --devices log out.' : null;
}

export function pictureOf(machine: Machine): VgaPicture {
  const vga = vgaOf(machine.board);
  if (vga === null) throw new Error('the machine has no VGA');
  return vga.picture();
}

export function screenOf(machine: Machine): Screen {
  return drawScreen(pictureOf(machine));
}

/** Lines of text, or the size of what is no text. */
export function screenLines(machine: Machine): string[] {
  const picture = pictureOf(machine);
  const text = screenText(picture);
  if (text !== null) return text;
  const { width, height } = drawScreen(picture);
  return [`(no text: ${width} × ${height} dots of graphics, or nothing)`];
}
