/**
 * Repeated string instructions: doing many iterations at once must leave the same bits as doing them one by one, for
 * all sizes, directions, overlaps, address sizes and segment limits; and each iteration is a tick: budgets, faults in
 * the middle and device accesses see the exact one.
 */
import { Random } from '../../src/core/base/random.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { updateMode } from '../../src/core/cpu/system/segmentation.ts';
import { decodeInstruction } from '../../src/core/isa/decode.ts';
import { META_OP_MASK, R_META, RECORD_WORDS } from '../../src/core/isa/record.ts';
import { AddressSpace } from '../../src/core/memory/address-space.ts';
import { Memory } from '../../src/core/memory/memory.ts';
import { Cpu, EXIT_DEADLINE, EXIT_FAULT, GUEST_FAULT } from '../../src/core/state/cpu.ts';
import { getFlags, setFlags } from '../../src/core/state/flags.ts';
import {
  A20,
  CR0,
  CR0_PE,
  CS,
  DF,
  DS,
  EAX,
  ECX,
  EDI,
  EDX,
  EIP,
  ES,
  ESI,
  RAM_BASE,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SS,
} from '../../src/core/state/layout.ts';
import { HANDLER_TABLE } from '../../tiers/interp/handlers.ts';

const RAM_BYTES = 0x40000;
/** Two pages that all cases work around. */
const ARENA = 0x10000;
const ARENA_BYTES = 0x4000;
const DEVICE = 0x30000000;
const EIP_HERE = 0x1000;

const cpu = new Cpu(new AddressSpace(new Memory(RAM_BYTES)));
cpu.m32[A20] = 1;
const { space } = cpu;
/** Ticks at which the device was accessed. */
let deviceTicks: number[] = [];
/** The device asks to leave after this many accesses. */
let leaveAfter = Number.POSITIVE_INFINITY;

function deviceAccess(): void {
  deviceTicks.push(cpu.now());
  if (deviceTicks.length === leaveAfter) cpu.exitRequest |= EXIT_DEADLINE;
}

space.addMmio(DEVICE, 0x1000, {
  read: () => {
    deviceAccess();
    return 0x41;
  },
  write: deviceAccess,
});
cpu.ports = {
  read: () => {
    deviceAccess();
    return 0x42;
  },
  write: deviceAccess,
};

const BIG_DATA = 0xc093;

function setSegments(limit: number, base: number): void {
  for (const segment of [ES, CS, SS, DS]) {
    cpu.m32[SEG_BASE + segment] = segment === ES || segment === DS ? base : 0;
    cpu.m32[SEG_LIMIT + segment] = segment === ES || segment === DS ? limit : -1;
    cpu.m32[SEG_ATTRIBUTES + segment] = segment === CS ? 0xc09b : BIG_DATA;
  }
  cpu.m32[CR0] = CR0_PE;
  updateMode(cpu);
  cpu.exitRequest = 0;
}

interface Case {
  hex: string;
  esi: number;
  edi: number;
  ecx: number;
  eax: number;
  down: boolean;
  limit: number;
  base: number;
  /** Arena content: small alphabets make comparisons go on. */
  seed: number;
}

interface Result {
  registers: number[];
  flags: number;
  vector: number;
  ticks: number;
  finished: boolean;
  memory: string;
}

function fill(seed: number): void {
  const random = new Random(seed);
  for (let i = 0; i < ARENA_BYTES; i++) {
    cpu.m8[RAM_BASE + ARENA + i] = random.below((seed & 3) + 1) + (seed & 0x40);
  }
}

function prepare(c: Case): Int32Array {
  setSegments(c.limit, c.base);
  fill(c.seed);
  const m32 = cpu.m32;
  m32[EAX] = c.eax;
  m32[ECX] = c.ecx;
  m32[ESI] = c.esi;
  m32[EDI] = c.edi;
  m32[EDX] = 0x80;
  m32[EIP] = EIP_HERE;
  setFlags(cpu, 2 | (c.down ? DF : 0));
  const record = new Int32Array(RECORD_WORDS);
  const bytes = Uint8Array.from(c.hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  assert.equal(decodeInstruction(bytes, 0, bytes.length, true, record, 0), bytes.length);
  return record;
}

/** Executes with slices of at most `slice` ticks until done, faulted, or asked to leave. */
function execute(c: Case, slice: number, slices = Number.POSITIVE_INFINITY): Result {
  const record = prepare(c);
  const m32 = cpu.m32;
  let ticks = 0;
  let vector = -1;
  let finished = false;
  for (let i = 0; i < slices && !finished && vector < 0 && cpu.exitRequest === 0; i++) {
    cpu.left = slice;
    cpu.deadlineTick = ticks + slice;
    cpu.extraTicks = 0;
    cpu.nextEip = EIP_HERE + record.length;
    try {
      HANDLER_TABLE[record[R_META] & META_OP_MASK](cpu, record, 0);
      ticks += 1 + cpu.extraTicks;
      finished = cpu.nextEip !== EIP_HERE;
      assert.ok(1 + cpu.extraTicks <= slice, 'more iterations than the budget has ticks');
    } catch (error) {
      if (error !== GUEST_FAULT) throw error;
      ticks += cpu.extraTicks;
      vector = cpu.faultVector;
      assert.ok(cpu.exitRequest & EXIT_FAULT);
    }
    assert.equal(cpu.left, slice, 'left is the caller’s to account');
  }
  cpu.exitRequest = 0;
  return {
    registers: Array.from(m32.slice(0, 8)),
    flags: getFlags(cpu),
    vector,
    ticks,
    finished,
    memory: Buffer.from(cpu.m8.slice(RAM_BASE + ARENA, RAM_BASE + ARENA + ARENA_BYTES)).toString('hex'),
  };
}

const OPCODES = ['a4', 'a5', 'a6', 'a7', 'aa', 'ab', 'ac', 'ad', 'ae', 'af'];
const offset = fc.oneof(
  fc.integer({ min: ARENA + 0x100, max: ARENA + ARENA_BYTES - 0x100 }),
  fc.integer({ min: ARENA + 0xff0, max: ARENA + 0x1010 }),
  fc.constantFrom(ARENA + 0x1ffd, ARENA + 0x2000, ARENA + 0x2001),
);
const caseOf = fc.record({
  opcode: fc.constantFrom(...OPCODES),
  prefix: fc.constantFrom('f2', 'f3'),
  size16: fc.boolean(),
  address16: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  from: offset,
  lead: fc.oneof(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -0x300, max: 0x300 })),
  ecx: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 0x700 })),
  eax: fc.constantFrom(0, 1, 0x41414141, 0x01010101, 0x40404040, 0x12345678),
  down: fc.boolean(),
  segment: fc.constantFrom('flat', 'flat', 'limited', 'based'),
  seed: fc.integer({ min: 0, max: 0xff }),
});

type Choices = typeof caseOf extends fc.Arbitrary<infer T> ? T : never;

function build(r: Choices): Case {
  // 16-bit offsets need a base; the limit cuts some runs short.
  const base = r.segment === 'based' || r.address16 ? ARENA : 0;
  const limit = r.segment === 'limited' ? r.from - base + 0x120 : -1;
  return {
    hex: (r.address16 ? '67' : '') + (r.size16 ? '66' : '') + r.prefix + r.opcode,
    esi: r.from - base,
    edi: r.from - base + r.lead,
    ecx: r.ecx,
    eax: r.eax,
    down: r.down,
    limit,
    base,
    seed: r.seed,
  };
}

test('many iterations at once are the same as one by one', () => {
  let faults = 0;
  let long = 0;
  fc.assert(
    fc.property(caseOf, (r) => {
      const c = build(r);
      const single = execute(c, 1);
      const bulk = execute(c, 1_000_000);
      assert.deepEqual(bulk, single, `bulk against single, ${JSON.stringify(c)}`);
      const odd = execute(c, 7);
      assert.deepEqual(odd, single, `slices of 7 against single, ${JSON.stringify(c)}`);
      if (single.vector >= 0) faults++;
      if (single.ticks > 100) long++;
    }),
    { seed: 1, numRuns: 1500 },
  );
  assert.ok(faults > 20 && long > 100, `${faults} faults and ${long} long runs are too few to mean anything`);
});

const PLAIN = { esi: ARENA, edi: ARENA + 0x800, eax: 0x41, down: false, limit: -1, base: 0, seed: 1 };

test('an iteration is a tick: a slice ends inside the instruction and continues there', () => {
  const first = execute({ ...PLAIN, hex: 'f3a4', ecx: 100 }, 30, 1);
  assert.equal(first.ticks, 30);
  assert.equal(first.finished, false);
  assert.deepEqual(first.registers.slice(1, 2), [70]);
  assert.equal(first.registers[ESI], ARENA + 30);
  const whole = execute({ ...PLAIN, hex: 'f3a4', ecx: 100 }, 30);
  assert.equal(whole.ticks, 100);
  assert.equal(whole.finished, true);
});

test('a count of zero takes one tick and changes nothing', () => {
  const result = execute({ ...PLAIN, hex: 'f3a6', ecx: 0 }, 10);
  assert.deepEqual([result.ticks, result.finished, result.flags], [1, true, 2]);
});

test('a fault in the middle keeps the finished iterations and counts only them', () => {
  const result = execute({ ...PLAIN, hex: 'f3ab', ecx: 100, limit: ARENA + 0x800 + 39 }, 1000);
  assert.equal(result.vector, 13);
  assert.equal(result.ticks, 10);
  assert.equal(result.registers[ECX], 90);
  assert.equal(result.registers[EDI], ARENA + 0x800 + 40);
});

test('device accesses inside a repeated instruction see their own tick', () => {
  for (const [hex, esi, edi] of [
    ['f3a4', DEVICE, ARENA],
    ['f3a4', ARENA, DEVICE],
    ['f3aa', 0, DEVICE],
    ['f36c', 0, ARENA],
    ['f36e', ARENA, 0],
    ['f3ac', DEVICE, 0],
  ] as const) {
    deviceTicks = [];
    const result = execute({ ...PLAIN, hex, esi, edi, ecx: 5 }, 100);
    assert.equal(result.ticks, 5, hex);
    assert.deepEqual(deviceTicks, [0, 1, 2, 3, 4], hex);
  }
});

test('a device that asks to leave ends the instruction after its iteration', () => {
  for (const [hex, edi] of [
    ['f36c', ARENA],
    ['f3aa', DEVICE],
  ] as const) {
    deviceTicks = [];
    leaveAfter = 3;
    const result = execute({ ...PLAIN, hex, edi, ecx: 5 }, 100);
    leaveAfter = Number.POSITIVE_INFINITY;
    assert.deepEqual([result.ticks, result.finished, result.registers[ECX]], [3, false, 2], hex);
  }
});
