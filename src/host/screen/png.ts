// Screens as PNG files, by the package fast-png, and runs as animated ones (PNG specification, third edition, "APNG").
// An animation is changes: each frame is the rectangle in which the screen differs from the one before, and how long
// it stays. Who opens the file as a plain PNG sees the last screen.

import { encode } from 'fast-png';
import type { Screen } from '../../core/devices/display/screen.ts';

/** Three bytes a dot. */
interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

function pictureOf({ width, height, rgba }: Screen): Picture {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return { width, height, rgb };
}

function encodePicture({ width, height, rgb }: Picture): Uint8Array {
  return encode({ width, height, data: rgb, channels: 3 });
}

export function encodePng(screen: Screen): Uint8Array {
  return encodePicture(pictureOf(screen));
}

// ---------------------------------------------------------------------------------------------------------------
// Chunks

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const CRC_POLYNOMIAL = 0xedb88320;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 0 ? rest >>> 1 : (rest >>> 1) ^ CRC_POLYNOMIAL;
  return rest;
});

function crc32(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = CRC_TABLE[(rest ^ byte) & 0xff] ^ (rest >>> 8);
  return ~rest >>> 0;
}

function chunk(type: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  view.setUint32(at, crc32(bytes.subarray(4, at)));
  return bytes;
}

/** Big-endian; by their sizes in bytes. */
function pack(...values: readonly (readonly [value: number, size: 1 | 2 | 4])[]): Uint8Array {
  return Uint8Array.from(
    values.flatMap(([value, size]) => Array.from({ length: size }, (_, i) => (value >>> (8 * (size - 1 - i))) & 0xff)),
  );
}

/** The compressed dots of a PNG file. */
function dataOf(png: Uint8Array): Uint8Array {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const parts: Uint8Array[] = [];
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (type === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  return Buffer.concat(parts);
}

// ---------------------------------------------------------------------------------------------------------------
// Animations

/** A frame stays so long at most: its field has 16 bits. */
const DELAY_MS_MAX = 0xffff;

interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Frame extends Rectangle {
  readonly data: Uint8Array;
  delayMs: number;
}

function cut({ width, rgb }: Picture, area: Rectangle): Picture {
  const part = new Uint8Array(area.width * area.height * 3);
  for (let row = 0; row < area.height; row++) {
    const from = ((area.y + row) * width + area.x) * 3;
    part.set(rgb.subarray(from, from + area.width * 3), row * area.width * 3);
  }
  return { width: area.width, height: area.height, rgb: part };
}

/** Black where it is larger. */
function enlarged(picture: Picture, width: number, height: number): Picture {
  if (picture.width === width && picture.height === height) return picture;
  const rgb = new Uint8Array(width * height * 3);
  for (let row = 0; row < picture.height; row++) {
    rgb.set(picture.rgb.subarray(row * picture.width * 3, (row + 1) * picture.width * 3), row * width * 3);
  }
  return { width, height, rgb };
}

/** Where two pictures of one size differ, null when nowhere. */
function changedArea(before: Picture, after: Picture): Rectangle | null {
  const { width, height } = after;
  const stride = width * 3;
  const isSame = (row: number): boolean =>
    Buffer.compare(
      before.rgb.subarray(row * stride, (row + 1) * stride),
      after.rgb.subarray(row * stride, (row + 1) * stride),
    ) === 0;
  let top = 0;
  while (top < height && isSame(top)) top++;
  if (top === height) return null;
  let bottom = height - 1;
  while (isSame(bottom)) bottom--;
  let left = stride;
  let right = -1;
  for (let row = top; row <= bottom; row++) {
    const at = row * stride;
    for (let i = 0; i < left; i++) if (before.rgb[at + i] !== after.rgb[at + i]) left = i;
    for (let i = stride - 1; i > right; i--) if (before.rgb[at + i] !== after.rgb[at + i]) right = i;
  }
  const x = Math.floor(left / 3);
  return { x, y: top, width: Math.floor(right / 3) - x + 1, height: bottom - top + 1 };
}

export class Animation {
  readonly #frames: Frame[] = [];
  /** What is on the canvas by now. */
  #shown: Picture | null = null;
  #shownMs = 0;
  /** Of the whole animation. */
  width = 0;
  height = 0;

  get frameCount(): number {
    return this.#frames.length;
  }

  /** The screen from that time on. Times do not decrease. */
  add(screen: Screen, atMs: number): void {
    const picture = pictureOf(screen);
    this.width = Math.max(this.width, picture.width);
    this.height = Math.max(this.height, picture.height);
    const after = enlarged(picture, this.width, this.height);
    const before = this.#shown;
    this.#wait(atMs);
    this.#shown = after;
    const whole = { x: 0, y: 0, width: this.width, height: this.height };
    const isLarger = before === null || before.width !== this.width || before.height !== this.height;
    const area = isLarger ? whole : changedArea(before, after);
    if (area !== null) this.#frames.push({ ...area, data: dataOf(encodePicture(cut(after, area))), delayMs: 0 });
  }

  /** What is shown stays until then. */
  #wait(untilMs: number): void {
    let restMs = Math.max(0, Math.round(untilMs) - this.#shownMs);
    this.#shownMs += restMs;
    const shown = this.#shown;
    const last = this.#frames.at(-1);
    if (shown === null || last === undefined) return;
    const first = Math.min(restMs, DELAY_MS_MAX - last.delayMs);
    last.delayMs += first;
    for (restMs -= first; restMs > 0; restMs -= DELAY_MS_MAX) {
      // A dot that changes nothing.
      const area = { x: 0, y: 0, width: 1, height: 1 };
      const data = dataOf(encodePicture(cut(shown, area)));
      this.#frames.push({ ...area, data, delayMs: Math.min(restMs, DELAY_MS_MAX) });
    }
  }

  /** The file; at least one screen has been added. */
  finish(endMs: number): Uint8Array {
    this.#wait(endMs);
    const shown = this.#shown;
    if (shown === null) throw new Error('an animation without screens');
    const still = enlarged(shown, this.width, this.height);
    let number = 0;
    const frames = this.#frames.flatMap(({ x, y, width, height, data, delayMs }) => [
      chunk(
        'fcTL',
        pack([number++, 4], [width, 4], [height, 4], [x, 4], [y, 4], [delayMs, 2], [1000, 2], [0, 1], [0, 1]),
      ),
      chunk('fdAT', pack([number++, 4]), data),
    ]);
    return Buffer.concat([
      SIGNATURE,
      chunk('IHDR', pack([this.width, 4], [this.height, 4], [8, 1], [2, 1], [0, 1], [0, 1], [0, 1])),
      chunk('acTL', pack([this.#frames.length, 4], [1, 4])),
      chunk('IDAT', dataOf(encodePicture(still))),
      ...frames,
      chunk('IEND'),
    ]);
  }
}
