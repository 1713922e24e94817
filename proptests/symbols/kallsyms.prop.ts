/**
 * The table of names that a Linux kernel carries, as its build makes it (scripts/kallsyms.c): every layout from 4.x to
 * 6.x is written here from a list of symbols, put somewhere into memory, and found again with every name and address;
 * with it the modules and the tasks, by lists and structures as the kernel has them. Bytes that are damaged are refused
 * or read, and never thrown about.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { runningTaskName } from '../../src/core/query/current-task.ts';
import { CR0, CR0_PG, CS, GDTR_BASE, SEG_SELECTOR } from '../../src/core/state/layout.ts';
import { type FoundPlaces, GuestSymbols, KALLSYMS_LABEL, MODULES_LABEL } from '../../src/host/symbols/guest-symbols.ts';
import { PAGE_OFFSET } from '../../src/host/symbols/guest-memory.ts';
import { findKallsyms, isSettled } from '../../src/host/symbols/kallsyms.ts';
import { findTasks, namesOfTasks } from '../../src/host/symbols/linux-shapes.ts';
import { currentTaskPlace } from '../../src/host/symbols/linux-tasks.ts';
import { findModuleList } from '../../src/host/symbols/modules.ts';
import { isCurrent } from '../../src/host/symbols/process.ts';
import { symbolOf, SymbolSource, SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { mappedMachine } from './fixture.ts';

interface Layout {
  /** Plain addresses, offsets from a base, or offsets with absolute variables of each processor. */
  readonly form: 'addresses' | 'relative' | 'percpu';
  /** 6.5 and later: addresses behind the tokens. */
  readonly isBehind: boolean;
  /** 6.1 and later: lengths from 128 on have two bytes. */
  readonly isLong: boolean;
  /** 6.2 and later: three bytes a name. */
  readonly hasOrder: boolean;
}

const LAYOUTS: readonly Layout[] = [
  { form: 'addresses', isBehind: false, isLong: false, hasOrder: false },
  { form: 'relative', isBehind: false, isLong: false, hasOrder: false },
  { form: 'percpu', isBehind: false, isLong: false, hasOrder: false },
  { form: 'relative', isBehind: false, isLong: true, hasOrder: true },
  { form: 'relative', isBehind: true, isLong: true, hasOrder: true },
  { form: 'percpu', isBehind: true, isLong: true, hasOrder: true },
];

const TEXT = 0xc600_0000;
type Named = readonly [letter: string, name: string, address: number];

function symbolsOf(count: number, layout: Layout): Named[] {
  const list: Named[] = layout.form === 'percpu' ? [['A', 'cpu_number', 0x40]] : [];
  list.push(['T', '_text', TEXT], ['T', 'startup_32', TEXT], ['t', 'local_0', TEXT + 0x10]);
  for (let i = list.length; i < count; i++) {
    const longName = layout.isLong && i % 97 === 0 ? `_long${'x_y'.repeat(50)}` : '';
    list.push([i % 5 === 0 ? 't' : i % 11 === 0 ? 'D' : 'T', `sys_${i}_function${longName}`, TEXT + i * 0x40]);
  }
  return list;
}

/** Codes that stand for themselves, and some that stand for more. */
function tokensOf(): string[] {
  const longer = ['sys_', '_func', 'tion', 'x_y', 'loc', 'al_', 'start', 'up', '_3', '_te', 'xt'];
  const used = (code: number): boolean => /[\w.]/.test(String.fromCharCode(code));
  return Array.from({ length: 256 }, (_, code) => {
    if (used(code)) return String.fromCharCode(code);
    return longer[code % longer.length] + (code > 128 ? '' : longer[(code >> 4) % longer.length]);
  });
}

function compress(text: string, tokens: readonly string[]): number[] {
  const codes: number[] = [];
  for (let at = 0; at < text.length; ) {
    let best = text.charCodeAt(at);
    tokens.forEach((token, code) => {
      if (token.length > tokens[best].length && text.startsWith(token, at)) best = code;
    });
    codes.push(best);
    at += tokens[best].length;
  }
  return codes;
}

function build(symbols: readonly Named[], layout: Layout): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  const put = (bytes: Buffer | readonly number[]): void => {
    const part = Buffer.from(bytes);
    parts.push(part);
    length += part.length;
  };
  const word = (value: number): number[] => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
  const align = (): void => put(Buffer.alloc(-length & 3));
  const base = symbols.find(([, name]) => name === '_text')?.[2] ?? 0;
  const addresses = (): void => {
    for (const [, , address] of symbols) {
      if (layout.form === 'addresses') put(word(address));
      else if (layout.form === 'relative') put(word(address - base));
      else put(word(address < 0x1000 ? address : base - 1 - address));
    }
    if (layout.form !== 'addresses') put(word(base));
  };
  const tokens = tokensOf();
  put(Buffer.from('something before'));
  align();
  if (!layout.isBehind) addresses();
  put(word(symbols.length));
  const markers: number[] = [];
  const namesAt = length;
  symbols.forEach(([letter, name], i) => {
    if (i % 256 === 0) markers.push(length - namesAt);
    const codes = compress(letter + name, tokens);
    put(codes.length < 128 || !layout.isLong ? [codes.length] : [(codes.length & 127) | 128, codes.length >>> 7]);
    put(codes);
  });
  align();
  for (const marker of markers) put(word(marker));
  if (layout.hasOrder) put(Buffer.alloc(symbols.length * 3, 0x15));
  align();
  const offsets: number[] = [];
  const tokensAt = length;
  for (const token of tokens) {
    offsets.push(length - tokensAt);
    put(Buffer.from(`${token}\0`));
  }
  align();
  for (const offset of offsets) put([offset & 255, offset >>> 8]);
  if (layout.isBehind) addresses();
  put(Buffer.from('something behind'));
  return Buffer.concat(parts);
}

test('every layout is found, with all names and addresses', () => {
  for (const layout of LAYOUTS) {
    const symbols = symbolsOf(3000, layout);
    const ram = Buffer.alloc(1 << 20, 0x31);
    build(symbols, layout).copy(ram, 0x4004);
    // What looks like tokens and is none does not deceive.
    ram.write('0\x001\x002\x003\x004\x005\x006\x007\x008\x009\0', 0x100, 'latin1');
    const found = findKallsyms(ram);
    assert.ok(found !== null, JSON.stringify(layout));
    assert.deepEqual(
      found.symbols.map(({ name, address }) => [name, address]),
      symbols.map(([, name, address]) => [name, address]),
    );
    for (const [i, { kind, isGlobal }] of found.symbols.entries()) {
      const [letter] = symbols[i];
      assert.equal(kind, letter === 'A' ? 'absolute' : letter === 'D' ? 'data' : 'code');
      assert.equal(isGlobal, letter !== 't');
    }
  }
});

test('damage is refused or makes other names, and nothing throws', () => {
  const [, layout] = LAYOUTS;
  const good = build(symbolsOf(600, layout), layout);
  assert.ok(findKallsyms(good) !== null);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
      fc.nat(good.length),
      (changes, end) => {
        const bad = Buffer.from(good.subarray(0, end < good.length / 2 ? good.length : end));
        for (const [at, value] of changes) if (at < bad.length) bad[at] = value;
        const found = findKallsyms(bad);
        assert.ok(found === null || found.symbols.length <= 1024);
      },
    ),
    { numRuns: 300 },
  );
  assert.equal(findKallsyms(Buffer.alloc(0)), null);
});

const KALLSYMS_AT = 0x20_0004;
const MODULES_AT = 0x38_0000;
const HEAD_AT = 0x30_0010;

/** A machine whose first 4 MB lie at 3 GB too, with a kernel's structures in it. */
async function machineWith(modules: readonly { name: string; old: boolean }[]) {
  const { cpu, ram, words } = await mappedMachine();
  // Before the first instruction a kernel has unpacked nothing.
  cpu.deadlineTick = cpu.left + 1;
  const linear = (at: number): number => at + PAGE_OFFSET;
  const listAt = modules.map((_, i) => MODULES_AT + i * 0x4000 + 4);
  const ring = [HEAD_AT, ...listAt];
  ring.forEach((at, i) => {
    const [next, previous] = [ring[(i + 1) % ring.length], ring[(i + ring.length - 1) % ring.length]];
    words(at, linear(next), linear(previous));
  });
  modules.forEach(({ name, old }, i) => {
    const at = MODULES_AT + i * 0x4000;
    ram.write(`${name}\0`, at + 12, 'latin1');
    const [symbolsAt, stringsAt, lettersAt] = [at + 0x1000, at + 0x2000, at + 0x3000];
    ram.write(`\0${name}_init\0${name}_data\0outside\0`, stringsAt, 'latin1');
    const names = [1, 1 + name.length + 6, 1 + 2 * (name.length + 6)];
    const type = (letter: string): number => (old ? letter.charCodeAt(0) : 0x12);
    words(symbolsAt + 16, names[0], linear(at) + 0x800, 8, (1 << 16) | type('t'));
    words(symbolsAt + 32, names[1], linear(at) + 0x900, 8, (2 << 16) | type('D'));
    words(symbolsAt + 48, names[2], 0, 0, type('U'));
    ram.write('\0tDU', lettersAt, 'latin1');
    if (old) words(at + 0x100, linear(symbolsAt), linear(symbolsAt), 4, 4, linear(stringsAt), linear(stringsAt));
    else {
      words(at + 0x100, linear(at + 0x104));
      words(at + 0x104, linear(symbolsAt), 4, linear(stringsAt), linear(lettersAt));
    }
  });
  return { cpu, ram };
}

/** As much of a bzImage as says that it is one. */
function bzImage(): Uint8Array {
  const header = Buffer.alloc(0x400);
  header.write('HdrS', 0x202, 'latin1');
  header.writeUInt16LE(0x20f, 0x206);
  header.writeUInt32LE(0x100_0000, 0x258);
  return header;
}

test('a Linux guest without any file of names has its own, and those of its modules', async () => {
  const modules = [
    { name: 'ext4', old: false },
    { name: 'e1000', old: true },
  ];
  const { cpu, ram } = await machineWith(modules);
  const layout = LAYOUTS[1];
  const guest = new GuestSymbols(new SymbolTable(), new Map([['kernel', bzImage()]]));
  guest.refresh(cpu);
  assert.ok(guest.isUnplaced);
  assert.match(guest.problem, /seek a moment at which it runs/);
  build(symbolsOf(600, layout), layout).copy(ram, KALLSYMS_AT);
  const again = new GuestSymbols(new SymbolTable(), new Map([['kernel', bzImage()]]));
  assert.ok(again.refresh(cpu));
  const { table } = again;
  assert.deepEqual(
    table.sources.map(({ label }) => label),
    [KALLSYMS_LABEL, MODULES_LABEL],
  );
  assert.equal(again.problem, '');
  assert.equal(again.textSegment, TEXT);
  assert.equal(table.describe(TEXT + 0x144), 'sys_5_function+0x4');
  assert.deepEqual(again.moved, [{ label: 'vmlinux', slide: 0x500_0000 }]);
  modules.forEach(({ name }, i) => {
    const at = PAGE_OFFSET + MODULES_AT + i * 0x4000;
    assert.equal(table.describe(at + 0x804), `${name}_init+0x4 [${name}]`);
    assert.equal(table.functionAt(at + 0x900)?.symbol.name, `${name}_init`);
    assert.equal(table.address(`${name}_data`), at + 0x900);
  });
  assert.equal(table.address('outside'), undefined);
});

test('a kernel that is unpacked and not yet where it will run has no names', async () => {
  const { cpu, ram } = await machineWith([]);
  const layout = LAYOUTS[1];
  build(symbolsOf(600, layout), layout).copy(ram, KALLSYMS_AT);
  const isUnplaced = (): boolean => {
    const guest = new GuestSymbols(new SymbolTable(), new Map([['kernel', bzImage()]]));
    guest.refresh(cpu);
    return guest.isUnplaced;
  };
  cpu.m32[CR0] &= ~CR0_PG;
  assert.ok(isUnplaced(), 'the decompressor runs');
  cpu.m32[CR0] |= CR0_PG;
  assert.ok(!isUnplaced());
  // Where the table has the banner, it is looked at.
  const bannerAt = 0x10_0000;
  ram.write('Linux version 6.1 of our own', bannerAt, 'latin1');
  const found = findKallsyms(ram);
  assert.ok(found !== null);
  const withBanner = (address: number) => ({ ...found, symbols: [symbolOf('linux_banner', address, 'data')] });
  assert.ok(isSettled(cpu, withBanner(PAGE_OFFSET + bannerAt)));
  assert.ok(!isSettled(cpu, withBanner(PAGE_OFFSET + bannerAt + 0x10_0000)));
});

test('what an earlier session has found is looked at first, and believed no more than anything else', async () => {
  const { cpu, ram } = await machineWith([{ name: 'ext4', old: false }]);
  const layout = LAYOUTS[1];
  // Two tables: a search through all memory comes to the lower one.
  const upperAt = KALLSYMS_AT + 0x8_0000;
  for (const at of [KALLSYMS_AT, upperAt]) build(symbolsOf(600, layout), layout).copy(ram, at);
  const found = (likely: FoundPlaces | null): FoundPlaces | null => {
    const guest = new GuestSymbols(new SymbolTable(), new Map([['kernel', bzImage()]]));
    guest.likely = likely;
    guest.refresh(cpu);
    assert.ok(guest.modules.length === 1);
    return guest.found;
  };
  const lower = found(null);
  assert.ok(lower !== null && lower.digitsAt > KALLSYMS_AT && lower.digitsAt < upperAt);
  const { moduleList } = lower;
  assert.equal(moduleList, PAGE_OFFSET + HEAD_AT);
  const upper = lower.digitsAt + upperAt - KALLSYMS_AT;
  assert.deepEqual(found({ digitsAt: upper, moduleList: null, tasks: null }), {
    digitsAt: upper,
    moduleList,
    tasks: null,
  });
  for (const wrong of [upper + 1, 0, ram.length - 3, 2 ** 40]) {
    assert.deepEqual(found({ digitsAt: wrong, moduleList: (moduleList + wrong) >>> 0, tasks: null }), lower);
  }
  ram.writeUInt32LE(0, MODULES_AT + 12);
  assert.equal(findModuleList(cpu), null, 'by its shape none is found');
});

test('at the boot itself no memory is searched: the kernel is still packed', async () => {
  const { cpu, ram } = await machineWith([]);
  build(symbolsOf(600, LAYOUTS[1]), LAYOUTS[1]).copy(ram, KALLSYMS_AT);
  cpu.deadlineTick = cpu.left;
  const guest = new GuestSymbols(new SymbolTable(), new Map([['kernel', bzImage()]]));
  assert.equal(guest.refresh(cpu), false);
  cpu.deadlineTick = cpu.left + 1;
  assert.equal(guest.refresh(cpu), true);
});

const INIT_AT = 0x31_0000;
const TASK_AT = 0x32_0000;
const CODE_AT = 0x33_0000;
const PERCPU_AT = 0x34_0000;
const VARIABLE = 0x1c0;

test('a kernel that names only its code has its tasks found by their shape, in user mode too', async () => {
  const { cpu, ram, words } = await mappedMachine();
  const linear = (at: number): number => at + PAGE_OFFSET;
  const putTask = (at: number, name: string, pid: number, isOwnParent: boolean): void => {
    const [parent, leader] = [isOwnParent ? at : INIT_AT, at].map(linear);
    // pid, tgid, a canary, real_parent, parent, children, sibling, group_leader
    words(at + 0x100, pid, pid, 0xcafe, parent, parent, linear(at) + 0x118, linear(at) + 0x118, 0, 0, leader);
    ram.write(`${name}\0`, at + 0x200, 'latin1');
  };
  putTask(INIT_AT, 'swapper/0', 0, true);
  putTask(TASK_AT, 'init', 1, false);
  // A text that is no task, and a variable that is read more often than the current task.
  ram.write('swapper/%d\0swapper/0\0', 0x2f_0001, 'latin1');
  const reads = [0x40, 0x40, 0x40, VARIABLE, VARIABLE].flatMap((variable) => [
    ...[0x64, 0xa1, variable & 255, variable >> 8, 0, 0],
    ...[0x64, 0x8b, 0x0d, variable & 255, variable >> 8, 0, 0],
  ]);
  ram.set(reads, CODE_AT);
  words(PERCPU_AT + 0x40, 5);
  words(PERCPU_AT + VARIABLE, linear(TASK_AT));
  const text = { from: linear(CODE_AT), to: linear(CODE_AT) + 0x1000 };
  // The base of the processor's variables, in the table of descriptors.
  const gdtAt = 0x35_0000;
  const base = linear(PERCPU_AT);
  words(gdtAt + 0xd8, ((base & 0xffff) << 16) | 0xffff, (base & 0xff00_0000) | 0x00cf_9300 | ((base >>> 16) & 0xff));
  cpu.m32[GDTR_BASE] = linear(gdtAt);
  cpu.m32[SEG_SELECTOR + CS] = 0x73;
  const found = findTasks(cpu, text);
  assert.ok(found !== null);
  assert.deepEqual(found, { init: linear(INIT_AT), pointer: linear(PERCPU_AT) + VARIABLE });
  // What an earlier session has found is looked at first, and believed no more than anything else.
  assert.deepEqual(findTasks(cpu, { from: 0, to: 0 }, found), found, 'without a look at the code');
  for (const wrong of [{ init: linear(TASK_AT) }, { init: 0 }, { pointer: linear(PERCPU_AT) + 0x40 }, { pointer: 0 }]) {
    assert.equal(findTasks(cpu, { from: 0, to: 0 }, { ...found, ...wrong }), null);
    assert.deepEqual(findTasks(cpu, text, { ...found, ...wrong }), found);
  }
  const table = new SymbolTable();
  table.add(new SymbolSource('tasks', namesOfTasks(found)));
  const place = currentTaskPlace(cpu, table);
  assert.deepEqual(place, { pointerAt: PERCPU_AT + VARIABLE, directOffset: PAGE_OFFSET, nameOffset: 0x200 });
  assert.equal(place === null ? null : runningTaskName(cpu, place), 'init');
  assert.ok(isCurrent(cpu, { kind: 'name', name: 'init' }, table) && isCurrent(cpu, { kind: 'pid', pid: 1 }, table));
  // A pointer to what is no task is not believed.
  words(PERCPU_AT + VARIABLE, linear(TASK_AT) + 0x40);
  assert.equal(findTasks(cpu, text), null);
  words(PERCPU_AT + VARIABLE, linear(TASK_AT));
  words(INIT_AT + 0x100 + 36, 0);
  assert.equal(findTasks(cpu, text), null, 'without init_task');
});
