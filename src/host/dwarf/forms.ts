// Forms of attribute values (DWARF 5, section 7.5.6), read to a number, a text or bytes. Indexed forms are looked up in
// their tables (.debug_addr, .debug_str_offsets), whose beginnings the unit says.

import { Cursor, DwarfError } from './cursor.ts';

export const FORM = {
  addr: 0x01,
  block2: 0x03,
  block4: 0x04,
  data2: 0x05,
  data4: 0x06,
  data8: 0x07,
  string: 0x08,
  block: 0x09,
  block1: 0x0a,
  data1: 0x0b,
  flag: 0x0c,
  sdata: 0x0d,
  strp: 0x0e,
  udata: 0x0f,
  ref_addr: 0x10,
  ref1: 0x11,
  ref2: 0x12,
  ref4: 0x13,
  ref8: 0x14,
  ref_udata: 0x15,
  indirect: 0x16,
  sec_offset: 0x17,
  exprloc: 0x18,
  flag_present: 0x19,
  strx: 0x1a,
  addrx: 0x1b,
  ref_sup4: 0x1c,
  strp_sup: 0x1d,
  data16: 0x1e,
  line_strp: 0x1f,
  ref_sig8: 0x20,
  implicit_const: 0x21,
  loclistx: 0x22,
  rnglistx: 0x23,
  ref_sup8: 0x24,
  strx1: 0x25,
  strx2: 0x26,
  strx3: 0x27,
  strx4: 0x28,
  addrx1: 0x29,
  addrx2: 0x2a,
  addrx3: 0x2b,
  addrx4: 0x2c,
} as const;

export interface DebugSections {
  readonly info: Uint8Array;
  readonly abbrev: Uint8Array;
  readonly line: Uint8Array;
  readonly str: Uint8Array;
  readonly lineStr: Uint8Array;
  readonly addr: Uint8Array;
  readonly strOffsets: Uint8Array;
  readonly ranges: Uint8Array;
  readonly rnglists: Uint8Array;
  readonly loc: Uint8Array;
  readonly loclists: Uint8Array;
}

export interface FormContext {
  readonly sections: DebugSections;
  readonly version: number;
  readonly addressBytes: number;
  /** Offsets have 8 bytes. */
  readonly isLong: boolean;
  /** Where the unit begins: references within it count from there. */
  readonly unitAt: number;
  readonly addrBase: number;
  readonly strOffsetsBase: number;
}

export type FormValue = number | string | Uint8Array;

/** References are offsets into .debug_info. `implicit` is the value that the abbreviation holds. */
export function readForm(cursor: Cursor, form: number, context: FormContext, implicit: number, depth = 0): FormValue {
  const { sections, addressBytes, isLong, unitAt } = context;
  const offset = (): number => cursor.number(isLong ? 8 : 4);
  switch (form) {
    case FORM.addr:
      return cursor.number(addressBytes);
    case FORM.data1:
    case FORM.flag:
      return cursor.u8();
    case FORM.data2:
      return cursor.u16();
    case FORM.data4:
      return cursor.u32();
    case FORM.data8:
    case FORM.ref_sig8:
    case FORM.ref_sup8:
      return cursor.number(8);
    case FORM.data16:
      return cursor.part(16);
    case FORM.sdata:
      return cursor.sleb();
    case FORM.udata:
    case FORM.loclistx:
    case FORM.rnglistx:
      return cursor.uleb();
    case FORM.string:
      return cursor.text();
    case FORM.strp:
      return textOf(sections.str, offset());
    case FORM.line_strp:
      return textOf(sections.lineStr, offset());
    case FORM.strp_sup:
    case FORM.ref_sup4:
      cursor.skip(form === FORM.ref_sup4 || !isLong ? 4 : 8);
      return '';
    case FORM.sec_offset:
      return offset();
    case FORM.ref_addr:
      return context.version <= 2 ? cursor.number(addressBytes) : offset();
    case FORM.ref1:
      return unitAt + cursor.u8();
    case FORM.ref2:
      return unitAt + cursor.u16();
    case FORM.ref4:
      return unitAt + cursor.u32();
    case FORM.ref8:
      return unitAt + cursor.number(8);
    case FORM.ref_udata:
      return unitAt + cursor.uleb();
    case FORM.block1:
      return cursor.part(cursor.u8());
    case FORM.block2:
      return cursor.part(cursor.u16());
    case FORM.block4:
      return cursor.part(cursor.u32());
    case FORM.block:
    case FORM.exprloc:
      return cursor.part(cursor.uleb());
    case FORM.flag_present:
      return 1;
    case FORM.implicit_const:
      return implicit;
    case FORM.indirect:
      if (depth > 1) throw new DwarfError('forms of forms lead nowhere');
      return readForm(cursor, cursor.uleb(), context, implicit, depth + 1);
    case FORM.strx:
      return indexedText(context, cursor.uleb());
    case FORM.strx1:
      return indexedText(context, cursor.u8());
    case FORM.strx2:
      return indexedText(context, cursor.u16());
    case FORM.strx3:
      return indexedText(context, cursor.u24());
    case FORM.strx4:
      return indexedText(context, cursor.u32());
    case FORM.addrx:
      return indexedAddress(context, cursor.uleb());
    case FORM.addrx1:
      return indexedAddress(context, cursor.u8());
    case FORM.addrx2:
      return indexedAddress(context, cursor.u16());
    case FORM.addrx3:
      return indexedAddress(context, cursor.u24());
    case FORM.addrx4:
      return indexedAddress(context, cursor.u32());
    default:
      throw new DwarfError(`the form 0x${form.toString(16)} of an attribute is not known`);
  }
}

function textOf(section: Uint8Array, at: number): string {
  return new Cursor(section, at).text();
}

function indexedText({ sections, strOffsetsBase, isLong }: FormContext, index: number): string {
  const sizeBytes = isLong ? 8 : 4;
  const at = new Cursor(sections.strOffsets, strOffsetsBase + index * sizeBytes).number(sizeBytes);
  return textOf(sections.str, at);
}

/** Entry of .debug_addr. */
export function indexedAddress({ sections, addrBase, addressBytes }: FormContext, index: number): number {
  return new Cursor(sections.addr, addrBase + index * addressBytes).number(addressBytes);
}
