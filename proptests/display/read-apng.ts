/**
 * Reads an animated PNG as its specification says (PNG, third edition, "APNG"), for tests: chunks, their CRCs and
 * numbers, and what is on the canvas after each frame. Only what our files use: no disposal, no blending. The dots of a
 * frame are decoded by the package, as a PNG of their own.
 */
import assert from 'node:assert/strict';
import { decode } from 'fast-png';

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** With length and CRC. */
  readonly whole: Uint8Array;
}

export interface ShownFrame {
  readonly delayMs: number;
  /** The canvas, three bytes a dot. */
  readonly rgb: Uint8Array;
}

export interface ReadAnimation {
  readonly width: number;
  readonly height: number;
  readonly plays: number;
  readonly frames: readonly ShownFrame[];
}

const SIGNATURE_BYTES = 8;

function chunksOf(file: Uint8Array): Chunk[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE_BYTES; at < file.length; ) {
    const length = view.getUint32(at);
    const whole = file.subarray(at, at + length + 12);
    const type = Buffer.from(whole.subarray(4, 8)).toString('latin1');
    chunks.push({ type, data: whole.subarray(8, 8 + length), whole });
    at += whole.length;
  }
  return chunks;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(data.length + 12);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  return bytes;
}

export function readApng(file: Uint8Array): ReadAnimation {
  // The still picture, and the CRCs of all chunks, are the decoder's.
  decode(file, { checkCrc: true });
  const chunks = chunksOf(file);
  const header = Buffer.from(chunks[0].data);
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const control = Buffer.from(chunks[1].data);
  assert.deepEqual([chunks[0].type, chunks[1].type, chunks[2].type], ['IHDR', 'acTL', 'IDAT']);
  const frames: ShownFrame[] = [];
  const canvas = new Uint8Array(width * height * 3);
  let number = 0;
  for (let i = 3; chunks[i].type !== 'IEND'; i += 2) {
    assert.deepEqual([chunks[i].type, chunks[i + 1].type], ['fcTL', 'fdAT']);
    const frame = Buffer.from(chunks[i].data);
    const data = Buffer.from(chunks[i + 1].data);
    assert.deepEqual([frame.readUInt32BE(0), data.readUInt32BE(0)], [number++, number++]);
    const [own, rows, x, y] = [4, 8, 12, 16].map((at) => frame.readUInt32BE(at));
    assert.ok(x + own <= width && y + rows <= height, 'a frame lies on the canvas');
    assert.deepEqual([...frame.subarray(22)], [0x03, 0xe8, 0, 0], 'a thousandth of a second, no disposal, no blending');
    const size = Buffer.from(header);
    size.writeUInt32BE(own, 0);
    size.writeUInt32BE(rows, 4);
    const parts = [file.subarray(0, SIGNATURE_BYTES), chunk('IHDR', size), chunk('IDAT', data.subarray(4))];
    const picture = decode(Buffer.concat([...parts, chunk('IEND', new Uint8Array(0))]));
    for (let row = 0; row < rows; row++) {
      canvas.set(picture.data.subarray(row * own * 3, (row + 1) * own * 3), ((y + row) * width + x) * 3);
    }
    frames.push({ delayMs: frame.readUInt16BE(20), rgb: canvas.slice() });
  }
  assert.equal(control.readUInt32BE(0), frames.length);
  return { width, height, plays: control.readUInt32BE(4), frames };
}
