// Disk images of the format qcow2, versions 2 and 3 (QEMU's docs/interop/qcow2): read here, clusters that are
// compressed by zlib or zstd included, and written as an overlay of whole pages (overlay-file.ts). Such a file is
// untrusted: every offset is held against the file before anything is read there, and a backing file is not opened
// here: the name that stands in the image is for whoever may say where to look (disks.ts). Errors say what is wrong.

import { inflateRawSync } from 'node:zlib';
import { Decompress } from 'fzstd';
import type { ImageSource } from '../../core/board/context.ts';
import { CommandError } from './errors.ts';

const MAGIC = 0x514649fb;
const HEADER_BYTES_2 = 72;
const HEADER_BYTES_3 = 104;
const CLUSTER_BITS_MIN = 9;
const CLUSTER_BITS_MAX = 21;
const L1_BYTES_MAX = 32 << 20;
const NAME_BYTES_MAX = 1023;
/** Bits of a double word that are the offset of a cluster. */
const OFFSET_HIGH = 0x00ffffff;
const OFFSET_LOW = 0xfffffe00;
const COMPRESSED = 0x40000000;
const READS_AS_ZERO = 1;
/** Features without which the image cannot be understood: bit 0, refcounts to be mended, does not concern a reader. */
const FEATURE_DIRTY = 1;
const FEATURE_COMPRESSION = 8;
/** Types of compression: 0 is zlib. */
const ZSTD = 1;
export const BACKING_FORMAT = 0xe2792aca;
const L2_CACHED_MAX = 64;
const CLUSTERS_CACHED_MAX = 16;

export function isQcow2(file: ImageSource): boolean {
  if (file.sizeBytes < HEADER_BYTES_2) return false;
  const bytes = new Uint8Array(4);
  file.read(0, bytes);
  return new DataView(bytes.buffer).getUint32(0) === MAGIC;
}

interface Header {
  readonly clusterBits: number;
  readonly sizeBytes: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly version: number;
}

export class Qcow2 implements ImageSource {
  readonly sizeBytes: number;
  /** The name of the image below, as it stands in this one, and its format if that stands there too. */
  readonly backingName: string | null;
  readonly backingFormat: string | null;
  /** What is below; set by whoever has opened it. */
  backing: ImageSource | null = null;
  readonly #file: ImageSource;
  readonly #path: string;
  readonly #header: Header;
  readonly #l1: DataView;
  #isZstd = false;
  readonly #l2 = new Map<number, DataView>();
  readonly #clusters = new Map<string, Uint8Array>();

  /** `path` is for messages. */
  constructor(file: ImageSource, path: string) {
    this.#file = file;
    this.#path = path;
    this.#check(0, HEADER_BYTES_2, 'header');
    const head = this.#view(0, Math.min(file.sizeBytes, HEADER_BYTES_3), 'header');
    this.#header = this.#readHeader(head);
    const { sizeBytes, l1Entries, l1Offset, version } = this.#header;
    this.sizeBytes = sizeBytes;
    this.#l1 = this.#view(l1Offset, l1Entries * 8, 'first table');
    const nameOffset = this.#wide(head, 8, 'offset of the backing file');
    const nameBytes = head.getUint32(16);
    if (nameOffset !== 0 && nameBytes > NAME_BYTES_MAX) throw this.#damaged('the name of its backing file is too long');
    this.backingName =
      nameOffset === 0 || nameBytes === 0
        ? null
        : new TextDecoder().decode(this.#view(nameOffset, nameBytes, 'name of the backing file'));
    this.backingFormat = version === 2 ? null : this.#extension(head.getUint32(100), BACKING_FORMAT);
  }

  #readHeader(head: DataView): Header {
    const version = head.getUint32(4);
    if (version !== 2 && version !== 3)
      throw this.#refused(`is of version ${version}, and versions 2 and 3 can be read`);
    if (version === 3 && head.byteLength < HEADER_BYTES_3) throw this.#damaged('its header is cut short');
    if (head.getUint32(32) !== 0) throw this.#refused('is encrypted');
    if (version === 3) this.#checkFeatures(head);
    const clusterBits = head.getUint32(20);
    if (clusterBits < CLUSTER_BITS_MIN || clusterBits > CLUSTER_BITS_MAX) {
      throw this.#damaged(`it has clusters of 2^${clusterBits} bytes`);
    }
    const sizeBytes = this.#wide(head, 24, 'size');
    const l1Entries = head.getUint32(36);
    const bytesPerL2 = 2 ** (clusterBits - 3) * 2 ** clusterBits;
    if (l1Entries * 8 > L1_BYTES_MAX) throw this.#damaged(`its first table has ${l1Entries} entries`);
    if (l1Entries < Math.ceil(sizeBytes / bytesPerL2)) throw this.#damaged('its first table is too short for its size');
    return { clusterBits, sizeBytes, l1Entries, l1Offset: this.#wide(head, 40, 'offset of the first table'), version };
  }

  #checkFeatures(head: DataView): void {
    const [high, low] = [head.getUint32(72), head.getUint32(76)];
    if (high !== 0 || (low & ~(FEATURE_DIRTY | FEATURE_COMPRESSION)) !== 0) {
      const what = (low & 2) !== 0 ? 'is marked as corrupt' : (low & 4) !== 0 ? 'has its data in another file' : '';
      throw this.#refused(
        what === '' ? `needs features (${high.toString(16)}:${low.toString(16)}) unknown here` : what,
      );
    }
    if ((low & FEATURE_COMPRESSION) === 0) return;
    const compression = this.#view(HEADER_BYTES_3, 1, 'header').getUint8(0);
    if (compression > ZSTD)
      throw this.#refused(`is compressed by method ${compression}, and zlib and zstd can be read`);
    this.#isZstd = compression === ZSTD;
  }

  /** The text of a header extension, null where there is none. */
  #extension(from: number, wanted: number): string | null {
    for (let at = from, i = 0; i < 64; i++) {
      const [type, length] = [0, 4].map((offset) => this.#view(at + offset, 4, 'header extension').getUint32(0));
      if (type === 0) return null;
      if (length > 1 << 16) throw this.#damaged('a header extension is too long');
      if (type === wanted) return new TextDecoder().decode(this.#view(at + 8, length, 'header extension'));
      at += 8 + Math.ceil(length / 8) * 8;
    }
    return null;
  }

  read(offset: number, target: Uint8Array): void {
    const clusterBytes = 2 ** this.#header.clusterBits;
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const within = at % clusterBytes;
      const run = Math.min(target.length - done, clusterBytes - within);
      const part = target.subarray(done, done + run);
      if (at >= this.sizeBytes) part.fill(0);
      else {
        this.#readPart(Math.floor(at / clusterBytes), within, part);
        if (at + run > this.sizeBytes) part.fill(0, this.sizeBytes - at);
      }
      done += run;
    }
  }

  /** Bytes of one cluster. */
  #readPart(cluster: number, within: number, part: Uint8Array): void {
    const { clusterBits, version } = this.#header;
    const entriesPerL2 = 2 ** (clusterBits - 3);
    const l1Index = Math.floor(cluster / entriesPerL2);
    const l2Offset = offsetOf(this.#l1.getUint32(l1Index * 8), this.#l1.getUint32(l1Index * 8 + 4));
    if (l2Offset === 0) {
      this.#readBacking(cluster, within, part);
      return;
    }
    const l2 = this.#l2Table(l2Offset);
    const at = (cluster % entriesPerL2) * 8;
    const [high, low] = [l2.getUint32(at), l2.getUint32(at + 4)];
    if ((high & COMPRESSED) !== 0) {
      part.set(this.#decompressed(high, low).subarray(within, within + part.length));
      return;
    }
    const offset = offsetOf(high, low);
    if (version === 3 && (low & READS_AS_ZERO) !== 0) part.fill(0);
    else if (offset === 0) this.#readBacking(cluster, within, part);
    else {
      this.#check(offset, within + part.length, 'cluster');
      this.#file.read(offset + within, part);
    }
  }

  #readBacking(cluster: number, within: number, part: Uint8Array): void {
    const at = cluster * 2 ** this.#header.clusterBits + within;
    if (this.backing === null) part.fill(0);
    else this.backing.read(at, part);
  }

  #l2Table(offset: number): DataView {
    const known = this.#l2.get(offset);
    if (known !== undefined) return known;
    const table = this.#view(offset, 2 ** this.#header.clusterBits, 'second table');
    forgetOne(this.#l2, L2_CACHED_MAX);
    this.#l2.set(offset, table);
    return table;
  }

  #decompressed(high: number, low: number): Uint8Array {
    const key = `${high}:${low}`;
    const known = this.#clusters.get(key);
    if (known !== undefined) return known;
    const { clusterBits } = this.#header;
    // The upper bits count sectors, the lower ones are the place.
    const countBits = clusterBits - 8;
    const placeHighBits = 62 - countBits - 32;
    const offset = (high & (2 ** placeHighBits - 1)) * 2 ** 32 + low;
    const sectors = ((high & 0x3fffffff) >>> placeHighBits) + 1;
    const most = sectors * 512 - (offset % 512);
    const count = Math.min(most, this.#file.sizeBytes - offset);
    if (count <= 0) throw this.#damaged(`a compressed cluster at ${offset} lies outside of it`);
    const packed = new Uint8Array(count);
    this.#file.read(offset, packed);
    const bytes = new Uint8Array(2 ** clusterBits);
    try {
      if (this.#isZstd) unpackZstd(packed, bytes);
      else bytes.set(inflateRawSync(packed, { maxOutputLength: bytes.length }));
    } catch {
      throw this.#damaged(`the compressed cluster at ${offset} cannot be decompressed`);
    }
    forgetOne(this.#clusters, CLUSTERS_CACHED_MAX);
    this.#clusters.set(key, bytes);
    return bytes;
  }

  /** That many bytes lie inside the file. */
  #check(offset: number, count: number, what: string): void {
    if (offset + count > this.#file.sizeBytes) {
      throw this.#damaged(`its ${what} at ${offset} lies outside of its ${this.#file.sizeBytes} bytes`);
    }
  }

  #view(offset: number, count: number, what: string): DataView {
    this.#check(offset, count, what);
    const bytes = new Uint8Array(count);
    this.#file.read(offset, bytes);
    return new DataView(bytes.buffer);
  }

  /** 64 bits, as far as they can be a place in a file. */
  #wide(view: DataView, at: number, what: string): number {
    const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw this.#damaged(`its ${what} is ${value}`);
    return value;
  }

  #damaged(what: string): CommandError {
    return new CommandError(`The qcow2 image ${this.#path} is damaged, ${what}: mend it with qemu-img check.`);
  }

  #refused(what: string): CommandError {
    return new CommandError(
      `The qcow2 image ${this.#path} ${what}: convert it, qemu-img convert -O qcow2 ${this.#path} OTHER.`,
    );
  }
}

/** Fills `target` from the frame that `packed` begins with; anything may lie behind it. Throws where it cannot. */
function unpackZstd(packed: Uint8Array, target: Uint8Array): void {
  let filled = 0;
  const stream = new Decompress((part) => {
    const rest = target.subarray(filled);
    target.set(part.length > rest.length ? part.subarray(0, rest.length) : part, filled);
    filled = Math.min(target.length, filled + part.length);
  });
  try {
    stream.push(packed, true);
  } catch (error) {
    // What comes after the cluster is no frame.
    if (filled < target.length) throw error;
  }
  if (filled < target.length) throw new Error(`${filled} bytes`);
}

function offsetOf(high: number, low: number): number {
  return (high & OFFSET_HIGH) * 2 ** 32 + ((low & OFFSET_LOW) >>> 0);
}

function forgetOne<K>(cache: Map<K, unknown>, most: number): void {
  if (cache.size < most) return;
  for (const key of cache.keys()) {
    cache.delete(key);
    return;
  }
}
