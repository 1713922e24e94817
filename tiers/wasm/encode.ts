// WebAssembly's binary format (WebAssembly core specification 2.0 §5, tail call proposal): a growing buffer with
// LEB128, function bodies, and a module of imports, functions, exports, table entries and code. Only what the emitter
// needs. Knows nothing of guests. Imports nothing.

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export type ValueType = typeof I32 | typeof I64 | typeof F32 | typeof F64 | typeof V128;

/** Block type: no value. */
const EMPTY = 0x40;

/** Opcodes of one byte, by the specification's names with _ for the dot. */
export const W = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  br_if: 0x0d,
  return: 0x0f,
  call: 0x10,
  return_call: 0x12,
  call_indirect: 0x11,
  return_call_indirect: 0x13,
  drop: 0x1a,
  select: 0x1b,
  local_get: 0x20,
  local_set: 0x21,
  local_tee: 0x22,
  i32_load: 0x28,
  i64_load: 0x29,
  f32_load: 0x2a,
  f64_load: 0x2b,
  i32_load8_s: 0x2c,
  i32_load8_u: 0x2d,
  i32_load16_s: 0x2e,
  i32_load16_u: 0x2f,
  i32_store: 0x36,
  i64_store: 0x37,
  f32_store: 0x38,
  f64_store: 0x39,
  i32_store8: 0x3a,
  i32_store16: 0x3b,
  i32_const: 0x41,
  i64_const: 0x42,
  f32_const: 0x43,
  f64_const: 0x44,
  i32_eqz: 0x45,
  i32_eq: 0x46,
  i32_ne: 0x47,
  i32_lt_s: 0x48,
  i32_lt_u: 0x49,
  i32_gt_s: 0x4a,
  i32_gt_u: 0x4b,
  i32_le_s: 0x4c,
  i32_le_u: 0x4d,
  i32_ge_s: 0x4e,
  i32_ge_u: 0x4f,
  i64_eqz: 0x50,
  i64_eq: 0x51,
  i64_ne: 0x52,
  i64_lt_s: 0x53,
  i64_lt_u: 0x54,
  i64_le_s: 0x57,
  i64_le_u: 0x58,
  f32_eq: 0x5b,
  f32_ne: 0x5c,
  f32_lt: 0x5d,
  f32_gt: 0x5e,
  f32_le: 0x5f,
  f32_ge: 0x60,
  f64_eq: 0x61,
  f64_ne: 0x62,
  f64_lt: 0x63,
  f64_gt: 0x64,
  f64_le: 0x65,
  f64_ge: 0x66,
  i32_clz: 0x67,
  i32_ctz: 0x68,
  i32_popcnt: 0x69,
  i32_add: 0x6a,
  i32_sub: 0x6b,
  i32_mul: 0x6c,
  i32_div_s: 0x6d,
  i32_div_u: 0x6e,
  i32_rem_s: 0x6f,
  i32_rem_u: 0x70,
  i32_and: 0x71,
  i32_or: 0x72,
  i32_xor: 0x73,
  i32_shl: 0x74,
  i32_shr_s: 0x75,
  i32_shr_u: 0x76,
  i32_rotl: 0x77,
  i32_rotr: 0x78,
  i64_clz: 0x79,
  i64_ctz: 0x7a,
  i64_popcnt: 0x7b,
  i64_add: 0x7c,
  i64_sub: 0x7d,
  i64_mul: 0x7e,
  i64_div_s: 0x7f,
  i64_div_u: 0x80,
  i64_rem_s: 0x81,
  i64_rem_u: 0x82,
  i64_and: 0x83,
  i64_or: 0x84,
  i64_xor: 0x85,
  i64_shl: 0x86,
  i64_shr_s: 0x87,
  i64_shr_u: 0x88,
  f32_abs: 0x8b,
  f32_neg: 0x8c,
  f32_trunc: 0x8f,
  f32_sqrt: 0x91,
  f32_add: 0x92,
  f32_sub: 0x93,
  f32_mul: 0x94,
  f32_div: 0x95,
  f64_abs: 0x99,
  f64_neg: 0x9a,
  f64_trunc: 0x9d,
  f64_sqrt: 0x9f,
  f64_add: 0xa0,
  f64_sub: 0xa1,
  f64_mul: 0xa2,
  f64_div: 0xa3,
  f64_min: 0xa4,
  i32_wrap_i64: 0xa7,
  i32_trunc_f32_s: 0xa8,
  i32_trunc_f64_s: 0xaa,
  i64_extend_i32_s: 0xac,
  i64_extend_i32_u: 0xad,
  i64_trunc_f64_s: 0xb0,
  f32_convert_i32_s: 0xb2,
  f32_demote_f64: 0xb6,
  f64_convert_i32_s: 0xb7,
  f64_convert_i64_s: 0xb9,
  f64_convert_i64_u: 0xba,
  f64_promote_f32: 0xbb,
  i32_reinterpret_f32: 0xbc,
  i64_reinterpret_f64: 0xbd,
  f32_reinterpret_i32: 0xbe,
  f64_reinterpret_i64: 0xbf,
  i32_extend8_s: 0xc0,
  i32_extend16_s: 0xc1,
} as const;

/** Opcodes behind the prefix FD (128-bit vectors). */
export const V = {
  v128_load: 0x00,
  v128_store: 0x0b,
  i8x16_shuffle: 0x0d,
  f32x4_splat: 0x13,
  f64x2_splat: 0x14,
  i8x16_eq: 0x23,
  i8x16_gt_s: 0x27,
  i16x8_eq: 0x2d,
  i16x8_gt_s: 0x31,
  i32x4_eq: 0x37,
  i32x4_gt_s: 0x3b,
  f32x4_eq: 0x41,
  f32x4_gt: 0x44,
  f32x4_le: 0x45,
  f32x4_ge: 0x46,
  f64x2_eq: 0x47,
  f64x2_gt: 0x4a,
  f64x2_le: 0x4b,
  f64x2_ge: 0x4c,
  v128_and: 0x4e,
  v128_andnot: 0x4f,
  v128_or: 0x50,
  v128_xor: 0x51,
  i8x16_bitmask: 0x64,
  i8x16_narrow_i16x8_s: 0x65,
  i8x16_narrow_i16x8_u: 0x66,
  i8x16_add: 0x6e,
  i8x16_add_sat_s: 0x6f,
  i8x16_add_sat_u: 0x70,
  i8x16_sub: 0x71,
  i8x16_sub_sat_s: 0x72,
  i8x16_sub_sat_u: 0x73,
  i8x16_min_u: 0x77,
  i8x16_max_u: 0x79,
  i8x16_avgr_u: 0x7b,
  i16x8_extadd_pairwise_i8x16_u: 0x7d,
  i32x4_extadd_pairwise_i16x8_u: 0x7f,
  i16x8_narrow_i32x4_s: 0x85,
  i16x8_shl: 0x8b,
  i16x8_shr_s: 0x8c,
  i16x8_shr_u: 0x8d,
  i16x8_add: 0x8e,
  i16x8_add_sat_s: 0x8f,
  i16x8_add_sat_u: 0x90,
  i16x8_sub: 0x91,
  i16x8_sub_sat_s: 0x92,
  i16x8_sub_sat_u: 0x93,
  i16x8_mul: 0x95,
  i16x8_min_s: 0x96,
  i16x8_max_s: 0x98,
  i16x8_avgr_u: 0x9b,
  i32x4_all_true: 0xa3,
  i32x4_bitmask: 0xa4,
  i32x4_shl: 0xab,
  i32x4_shr_s: 0xac,
  i32x4_shr_u: 0xad,
  i32x4_add: 0xae,
  i32x4_sub: 0xb1,
  i32x4_dot_i16x8_s: 0xba,
  i32x4_extmul_low_i16x8_s: 0xbc,
  i32x4_extmul_high_i16x8_s: 0xbd,
  i32x4_extmul_low_i16x8_u: 0xbe,
  i32x4_extmul_high_i16x8_u: 0xbf,
  i64x2_all_true: 0xc3,
  i64x2_bitmask: 0xc4,
  i64x2_shl: 0xcb,
  i64x2_shr_u: 0xcd,
  i64x2_add: 0xce,
  i64x2_sub: 0xd1,
  i64x2_extmul_low_i32x4_u: 0xde,
  f32x4_abs: 0xe0,
  f32x4_add: 0xe4,
  f32x4_sub: 0xe5,
  f32x4_mul: 0xe6,
  f32x4_div: 0xe7,
  f64x2_abs: 0xec,
  f64x2_add: 0xf0,
  f64x2_sub: 0xf1,
  f64x2_mul: 0xf2,
  f64x2_div: 0xf3,
} as const;
export const VECTOR_PREFIX = 0xfd;

/** Instructions behind their own prefix: conversions of any number, to the nearest that there is. */
export const S = { i64_trunc_sat_f64_s: 6 } as const;
export const SATURATING_PREFIX = 0xfc;

/** A buffer that grows; positions are bytes. */
export class Bytes {
  data: Uint8Array;
  length = 0;

  constructor(capacity = 1024) {
    this.data = new Uint8Array(capacity);
  }

  private room(count: number): void {
    if (this.length + count <= this.data.length) return;
    const grown = new Uint8Array(Math.max(this.data.length * 2, this.length + count));
    grown.set(this.data.subarray(0, this.length));
    this.data = grown;
  }

  u8(value: number): void {
    if (this.length === this.data.length) this.room(1);
    this.data[this.length++] = value;
  }

  /** Unsigned LEB128 of a number below 2^32. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  /** Signed LEB128 of an int32. */
  signed(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.u8(rest & 0x7f);
  }

  /** Signed LEB128 of a 64-bit integer. */
  signed64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest < -64n || rest > 63n) {
      this.u8(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.u8(Number(rest & 0x7fn));
  }

  bytes(source: Uint8Array): void {
    this.room(source.length);
    this.data.set(source, this.length);
    this.length += source.length;
  }

  name(text: string): void {
    this.unsigned(text.length);
    for (let i = 0; i < text.length; i++) this.u8(text.charCodeAt(i));
  }

  /** What has been written, as a view that is good until the next write. */
  view(): Uint8Array {
    return this.data.subarray(0, this.length);
  }
}

/** The body of one function: locals behind the parameters, instructions. */
export class Body {
  readonly code = new Bytes();
  readonly parameters: number;
  private readonly locals: ValueType[] = [];
  /** Blocks, loops and ifs open at this place; the function itself is not one. */
  depth = 0;
  /** Positions of branches that are hardly ever taken. */
  private readonly unlikely: number[] = [];

  constructor(parameters: number) {
    this.parameters = parameters;
  }

  /** The `if` or `br_if` that comes next is hardly ever taken (branch hinting proposal); a host may not care. */
  hintUnlikely(): void {
    this.unlikely.push(this.code.length);
  }

  /** A new local; 0 at first. */
  local(type: ValueType = I32): number {
    this.locals.push(type);
    return this.parameters + this.locals.length - 1;
  }

  op(code: number): void {
    this.code.u8(code);
  }

  get(local: number): void {
    this.code.u8(W.local_get);
    this.code.unsigned(local);
  }

  set(local: number): void {
    this.code.u8(W.local_set);
    this.code.unsigned(local);
  }

  tee(local: number): void {
    this.code.u8(W.local_tee);
    this.code.unsigned(local);
  }

  i32(value: number): void {
    this.code.u8(W.i32_const);
    this.code.signed(value);
  }

  i64(value: bigint): void {
    this.code.u8(W.i64_const);
    this.code.signed64(value);
  }

  f32(value: number): void {
    this.code.u8(W.f32_const);
    this.code.bytes(new Uint8Array(Float32Array.of(value).buffer));
  }

  f64(value: number): void {
    this.code.u8(W.f64_const);
    this.code.bytes(new Uint8Array(Float64Array.of(value).buffer));
  }

  /** A load or store; `align` is log2 of the bytes it is known to be aligned to. */
  memory(code: number, align: number, offset: number): void {
    this.code.u8(code);
    this.code.unsigned(align);
    this.code.unsigned(offset);
  }

  vector(code: number): void {
    this.code.u8(VECTOR_PREFIX);
    this.code.unsigned(code);
  }

  saturating(code: number): void {
    this.code.u8(SATURATING_PREFIX);
    this.code.unsigned(code);
  }

  vectorMemory(code: number, align: number, offset: number): void {
    this.vector(code);
    this.code.unsigned(align);
    this.code.unsigned(offset);
  }

  /** block, loop or if without values; gives its depth, for `br` from inside. */
  open(code: typeof W.block | typeof W.loop | typeof W.if): number {
    this.code.u8(code);
    this.code.u8(EMPTY);
    return ++this.depth;
  }

  else(): void {
    this.code.u8(W.else);
  }

  end(): void {
    this.code.u8(W.end);
    this.depth--;
  }

  /** br or br_if to the block that `open` gave the depth of. */
  branch(code: typeof W.br | typeof W.br_if, to: number): void {
    this.code.u8(code);
    this.code.unsigned(this.depth - to);
  }

  call(code: typeof W.call | typeof W.return_call, index: number): void {
    this.code.u8(code);
    this.code.unsigned(index);
  }

  callIndirect(code: typeof W.call_indirect | typeof W.return_call_indirect, type: number): void {
    this.code.u8(code);
    this.code.unsigned(type);
    this.code.u8(0);
  }

  /** Append as an entry of the code section, with its final `end`. Gives the places in it of unlikely branches. */
  writeTo(out: Bytes): number[] {
    const declared = new Bytes(16);
    const runs: [ValueType, number][] = [];
    for (const type of this.locals) {
      const last = runs[runs.length - 1];
      if (last !== undefined && last[0] === type) last[1]++;
      else runs.push([type, 1]);
    }
    declared.unsigned(runs.length);
    for (const [type, count] of runs) {
      declared.unsigned(count);
      declared.u8(type);
    }
    out.unsigned(declared.length + this.code.length + 1);
    out.bytes(declared.view());
    out.bytes(this.code.view());
    out.u8(W.end);
    return this.unlikely.map((at) => declared.length + at);
  }
}

export interface FunctionType {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** A module in the making: imports come before functions, and both share one numbering. */
export class ModuleBuilder {
  private readonly types: FunctionType[] = [];
  private readonly typeNumbers = new Map<string, number>();
  private readonly imports = new Bytes();
  private importCount = 0;
  private importedFunctions = 0;
  private readonly functions: number[] = [];
  private readonly exports = new Bytes(64);
  private exportCount = 0;
  private readonly elements = new Bytes();
  private elementCount = 0;
  private readonly code = new Bytes(4096);
  private readonly names = new Bytes(64);
  private nameCount = 0;
  private readonly hints = new Bytes(64);
  private hintCount = 0;

  /** Number of the type. */
  type(parameters: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${parameters.join()}>${results.join()}`;
    const known = this.typeNumbers.get(key);
    if (known !== undefined) return known;
    this.types.push({ parameters, results });
    this.typeNumbers.set(key, this.types.length - 1);
    return this.types.length - 1;
  }

  private imported(module: string, name: string, kind: number): Bytes {
    this.imports.name(module);
    this.imports.name(name);
    this.imports.u8(kind);
    this.importCount++;
    return this.imports;
  }

  /** Memory of so many pages of 64 KiB, not to grow. */
  importMemory(module: string, name: string, pages: number): void {
    const out = this.imported(module, name, 2);
    out.u8(1);
    out.unsigned(pages);
    out.unsigned(pages);
  }

  /** Table of functions with at least so many entries. */
  importTable(module: string, name: string, entries: number): void {
    const out = this.imported(module, name, 1);
    out.u8(0x70);
    out.u8(0);
    out.unsigned(entries);
  }

  /** Number of the function. */
  importFunction(module: string, name: string, type: number): number {
    if (this.functions.length > 0) throw new Error('functions are imported before any is defined');
    this.imported(module, name, 0).unsigned(type);
    return this.importedFunctions++;
  }

  /** Number that the next defined function gets. */
  get nextFunction(): number {
    return this.importedFunctions + this.functions.length;
  }

  /** Add a function; gives its number. */
  define(type: number, body: Body): number {
    if (body.depth !== 0) throw new Error('a block is left open');
    const index = this.nextFunction;
    this.functions.push(type);
    const unlikely = body.writeTo(this.code);
    if (unlikely.length > 0) {
      this.hintCount++;
      this.hints.unsigned(index);
      this.hints.unsigned(unlikely.length);
      for (const at of unlikely) {
        this.hints.unsigned(at);
        this.hints.u8(1);
        this.hints.u8(0);
      }
    }
    return index;
  }

  /** The name of a function in profiles; by ascending index. */
  nameFunction(index: number, name: string): void {
    this.names.unsigned(index);
    this.names.name(name);
    this.nameCount++;
  }

  exportFunction(name: string, index: number): void {
    this.exports.name(name);
    this.exports.u8(0);
    this.exports.unsigned(index);
    this.exportCount++;
  }

  /** Put functions into consecutive entries of the imported table when the module is instantiated. */
  element(entry: number, functions: readonly number[]): void {
    this.elements.u8(0);
    this.elements.u8(W.i32_const);
    this.elements.signed(entry);
    this.elements.u8(W.end);
    this.elements.unsigned(functions.length);
    for (const index of functions) this.elements.unsigned(index);
    this.elementCount++;
  }

  finish(): Uint8Array {
    const out = new Bytes(this.code.length + 1024);
    out.bytes(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    const section = (id: number, count: number, content: Uint8Array): void => {
      if (count === 0) return;
      const head = new Bytes(8);
      head.unsigned(count);
      out.u8(id);
      out.unsigned(head.length + content.length);
      out.bytes(head.view());
      out.bytes(content);
    };
    const types = new Bytes();
    for (const { parameters, results } of this.types) {
      types.u8(0x60);
      types.unsigned(parameters.length);
      for (const type of parameters) types.u8(type);
      types.unsigned(results.length);
      for (const type of results) types.u8(type);
    }
    section(1, this.types.length, types.view());
    section(2, this.importCount, this.imports.view());
    const functions = new Bytes();
    for (const type of this.functions) functions.unsigned(type);
    section(3, this.functions.length, functions.view());
    section(7, this.exportCount, this.exports.view());
    section(9, this.elementCount, this.elements.view());
    if (this.hintCount > 0) {
      const hints = new Bytes(this.hints.length + 64);
      hints.name('metadata.code.branch_hint');
      hints.unsigned(this.hintCount);
      hints.bytes(this.hints.view());
      out.u8(0);
      out.unsigned(hints.length);
      out.bytes(hints.view());
    }
    section(10, this.functions.length, this.code.view());
    if (this.nameCount > 0) {
      // The name section: of its parts only that of functions (core specification, appendix 7.4.1).
      const map = new Bytes(this.names.length + 8);
      map.unsigned(this.nameCount);
      map.bytes(this.names.view());
      const names = new Bytes(map.length + 16);
      names.name('name');
      names.u8(1);
      names.unsigned(map.length);
      names.bytes(map.view());
      out.u8(0);
      out.unsigned(names.length);
      out.bytes(names.view());
    }
    return out.view();
  }
}
