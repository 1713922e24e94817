// Whether a file is of the build that a guest runs: the linker's build ID (NT_GNU_BUILD_ID, a note of the System V
// gABI, chapter 5) in the file and where the guest has loaded it. What the guest does not show is not known, and no
// reproach.

import { BootError } from '../../core/machine/boot/boot-error.ts';
import { parseElf } from '../../core/machine/boot/elf.ts';
import type { Cpu } from '../../core/state/cpu.ts';
import { Sections } from '../dwarf/sections.ts';
import { guestBytes } from './guest-memory.ts';

const NT_GNU_BUILD_ID = 3;
const HEADER_BYTES = 12;
const OWNER = 'GNU\0';
const ID_BYTES_MAX = 64;
const NOTES_BYTES_MAX = 1 << 16;
/** GNU ld's own section, and the one that Linux gathers its notes in. */
const SECTIONS = ['.note.gnu.build-id', '.notes'];

export interface BuildId {
  /** Hexadecimal digits, as file(1) prints them. */
  readonly id: string;
  /** Of its note, as the file says; null: it is not loaded. */
  readonly address: number | null;
  /** Where the file is loaded, physical; null: its headers do not say. */
  readonly range: { readonly from: number; readonly to: number } | null;
}

/** Null: the file has none. */
export function buildIdOf(image: Uint8Array): BuildId | null {
  const sections = new Sections(image);
  for (const name of SECTIONS) {
    const { bytes, address } = sections.tryGet(name);
    const notes = bytes.subarray(0, NOTES_BYTES_MAX);
    for (let at = 0; at + HEADER_BYTES <= notes.length; ) {
      const id = idAt(notes, at);
      if (id !== null) return { id, address: address === 0 ? null : (address + at) >>> 0, range: rangeOf(image) };
      const view = new DataView(notes.buffer, notes.byteOffset + at, HEADER_BYTES);
      at += HEADER_BYTES + align4(view.getUint32(0, true)) + align4(view.getUint32(4, true));
    }
  }
  return null;
}

function rangeOf(image: Uint8Array): BuildId['range'] {
  try {
    const { segments } = parseElf(image);
    return { from: segments[0].address, to: Math.max(...segments.map((each) => each.address + each.memorySize)) };
  } catch (error) {
    if (error instanceof BootError) return null;
    throw error;
  }
}

/** Whether two files would lie in the same place: then one cannot be run beside the other. */
export function overlap({ range: a }: BuildId, { range: b }: BuildId): boolean {
  return a !== null && b !== null && a.from < b.to && b.from < a.to;
}

const align4 = (size: number): number => Math.ceil(size / 4) * 4;

/** The build ID of a note; null: it is another note, or none. */
function idAt(bytes: Uint8Array, at: number): string | null {
  if (at + HEADER_BYTES + OWNER.length > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES);
  const [ownerBytes, idBytes, type] = [0, 4, 8].map((offset) => view.getUint32(offset, true));
  const from = at + HEADER_BYTES + OWNER.length;
  if (type !== NT_GNU_BUILD_ID || ownerBytes !== OWNER.length || idBytes === 0 || idBytes > ID_BYTES_MAX) return null;
  const owner = Buffer.from(bytes.subarray(at + HEADER_BYTES, from)).toString('latin1');
  if (owner !== OWNER || from + idBytes > bytes.length) return null;
  return Buffer.from(bytes.subarray(from, from + idBytes)).toString('hex');
}

/** The build ID that the guest has where a file has its own; '': something else is there; null: nothing is, now. */
export function buildIdInMemory(cpu: Cpu, address: number): string | null {
  const bytes = new Uint8Array(HEADER_BYTES + OWNER.length + ID_BYTES_MAX);
  const got = bytes.subarray(0, guestBytes(cpu, address >>> 0, bytes));
  return got.every((byte) => byte === 0) ? null : (idAt(got, 0) ?? '');
}
