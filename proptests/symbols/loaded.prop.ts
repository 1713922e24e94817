/**
 * Files that lie where the guest has loaded them: a kernel module, which is not linked, by the addresses of its
 * sections; a program that may lie anywhere, by its headers in an address space. Names, lines, frames and variables are
 * held against code that runs there, and a file of another build is told.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Random } from '../../src/core/base/random.ts';
import { CR3 } from '../../src/core/state/layout.ts';
import { MODULES_LABEL } from '../../src/host/symbols/guest-symbols.ts';
import { ModuleFile } from '../../src/host/symbols/module-file.ts';
import { readElfSymbols } from '../../src/host/symbols/read-symbols.ts';
import { readSymbolFile } from '../../src/host/symbols/symbol-files.ts';
import { type GuestSymbol, SymbolSource, SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { debuggerOf } from '../timeline/debugger-fixture.ts';
import { recordRun } from '../timeline/fixture.ts';
import { skipKernel } from './kernel/kernel.ts';
import { buildProgram, gcc, lineOf } from './loaded-program.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-loaded-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const MODULE = `int counter = 40;
static int hidden;

int mod_add(int by)
{
    int before = counter;
    counter = before + by; /* mark: add */
    hidden++; /* mark: hidden */
    return counter;
}

__attribute__((section(".init.text"))) int mod_init(void)
{
    int started = 7; /* mark: init */
    return mod_add(started);
}
`;
const KERNEL = `int mod_init(void);
int mod_add(int by);
void kernel_main(void)
{
    mod_init();
    for (int i = 0; i < 3; i++)
        mod_add(i);
    __asm__ volatile("outb %0, %1" : : "a"((char)0x10), "Nd"((unsigned short)0xf4));
    for (;;)
        ;
}
__asm__(".section .multiboot, \\"a\\"\\n.long 0x1badb002, 3, -(0x1badb002 + 3)\\n.text\\n.globl _start\\n"
        "_start: movl $0x90000, %esp\\nxorl %ebp, %ebp\\ncall kernel_main\\n");
`;

/** Each section of the module far from the others, as a kernel places them. */
const SCRIPT =
  'ENTRY(_start) SECTIONS { . = 0x100000; .text : { *(.multiboot) kernel.o(.text*) } ' +
  '.mod 0x180000 : { mod.o(.text) } .moddata 0x190000 : { mod.o(.data) } .modinit 0x1a0000 : { mod.o(.init.text) } ' +
  '.modbss 0x1b0000 : { mod.o(.bss) } .eh_frame : { *(.eh_frame) } }\n';

/** The kernel with the module in it, and what such a guest would say of the module. */
function built(): { kernel: Uint8Array; guests: GuestSymbol[]; path: string } {
  writeFileSync(join(folder, 'mod.c'), MODULE);
  writeFileSync(join(folder, 'kernel.c'), KERNEL);
  writeFileSync(join(folder, 'kernel.ld'), SCRIPT);
  gcc(folder, '-fno-pic', '-g', '-c', '-o', 'mod.o', 'mod.c');
  gcc(folder, '-fno-pic', '-c', '-o', 'kernel.o', 'kernel.c');
  const link = ['-static', '-no-pie', '-Wl,-z,noexecstack', '-Wl,--no-warn-rwx-segments', '-Wl,--build-id=none'];
  gcc(folder, ...link, '-Wl,-T,kernel.ld', '-o', 'kernel.elf', 'kernel.o', 'mod.o');
  const kernel = new Uint8Array(readFileSync(join(folder, 'kernel.elf')));
  const guests = readElfSymbols(kernel)
    .filter(({ address }) => address >= 0x180000)
    .map((symbol) => ({ ...symbol, module: 'mod' }));
  return { kernel, guests, path: join(folder, 'mod.o') };
}

test('a kernel module has its lines and variables where its sections lie', { skip: skipKernel }, async () => {
  const { kernel, guests, path } = built();
  const recorded = await recordRun('module', { images: { kernel }, memoryMegabytes: 8, maxTicks: 50_000 });
  const symbols = new SymbolTable();
  symbols.add(readSymbolFile(path));
  assert.equal(symbols.address('mod_add'), undefined, 'it is not loaded yet');
  symbols.add(new SymbolSource(MODULES_LABEL, guests));
  const debug = debuggerOf(recorded, { symbols });
  await debug.execute(`break mod.c:${lineOf(MODULE, 'add')}`);
  const values: string[] = [];
  for (let times = 0; times < 4; times++) {
    const { data } = await debug.execute('continue');
    assert.equal((data as { line: number }).line, lineOf(MODULE, 'add'));
    values.push((await debug.execute('print before')).text, (await debug.execute('print by')).text);
  }
  assert.deepEqual(
    values.map((text) => Number(/(-?\d+)\D*$/.exec(text)?.[1])),
    [40, 7, 47, 0, 47, 1, 48, 2],
  );
  assert.match((await debug.execute('print &counter')).text, /0x190000/);
  assert.match((await debug.execute('print hidden')).text, /\b3\b/);
  // Backwards into the function of another section, with the frames of both.
  await debug.execute('delete all');
  await debug.execute(`break mod.c:${lineOf(MODULE, 'init')}`);
  const back = await debug.execute('reverse-continue');
  assert.equal((back.data as { line: number }).line, lineOf(MODULE, 'init'));
  await debug.execute(`break mod.c:${lineOf(MODULE, 'hidden')}`);
  await debug.execute('continue');
  const frames = (await debug.execute('backtrace')).text;
  assert.match(frames, /mod_add.*mod\.c:\d+[\s\S]*mod_init.*mod\.c:\d+/);
  assert.match((await debug.execute('where')).text, /mod_add\+0x[0-9a-f]+ \[mod\]/);
});

test('what a kernel has dropped of a module has no place, and another build is told', {
  skip: skipKernel,
}, async () => {
  const { kernel, guests, path } = built();
  const file = ModuleFile.of(path, new Uint8Array(readFileSync(path)));
  assert.ok(file !== null && file.name === 'mod');
  assert.equal(ModuleFile.of('kernel.elf', kernel), null);
  assert.equal(file.place(guests.map((symbol) => ({ ...symbol, module: 'other' }))), null);
  const kept = guests.filter(({ name }) => name !== 'mod_init');
  const places = file.place(kept);
  assert.ok(places !== null && !places.isOtherBuild);
  assert.deepEqual([...places.sections.values()].sort(), [0x180000, 0x190000, 0x1b0000]);
  const { debug, symbols } = file.placed('mod.o', places);
  assert.deepEqual(symbols.map(({ name }) => name).sort(), ['counter', 'hidden', 'mod_add']);
  const line = (mark: string) => debug?.addressesOf('mod.c', lineOf(MODULE, mark)).map(({ from }) => from) ?? [];
  const [added] = line('add');
  assert.ok(added > 0x180000 && added < 0x180100);
  for (const address of [0, 0x20, 0x1a0004]) assert.equal(debug?.lineAt(address) ?? null, null, `${address}`);
  const strayed = kept.map((symbol, i) => ({ ...symbol, address: symbol.address + 0x1000 * i }));
  const moved = [...strayed, { ...strayed[0], name: 'mod_init', address: 0x1a0000 }];
  assert.ok(file.place(moved)?.isOtherBuild === false, 'one symbol a section tells no build apart');
  const long = `${MODULE}int mod_more(void)\n{\n    return 1;\n}\nint mod_last(void)\n{\n    return 2;\n}\n`;
  writeFileSync(join(folder, 'long.c'), long);
  gcc(folder, '-fno-pic', '-c', '-o', 'mod.ko', 'long.c');
  const longFile = join(folder, 'mod.ko');
  const own = readElfSymbols(new Uint8Array(readFileSync(longFile))).map((symbol) => ({ ...symbol, module: 'mod' }));
  const other = own.map((symbol) => (symbol.name === 'mod_last' ? { ...symbol, address: 0x9999 } : symbol));
  const symbolTable = new SymbolTable();
  symbolTable.add(readSymbolFile(longFile));
  symbolTable.add(new SymbolSource(MODULES_LABEL, other));
  const recorded = await recordRun('module', { images: { kernel }, memoryMegabytes: 8, maxTicks: 50_000 });
  const { text } = await debuggerOf(recorded, { symbols: symbolTable }).execute('where');
  assert.match(text, /^note: .*mod\.ko is of another build .*otherwise than those in memory/);
  assert.throws(() => readSymbolFile(`${longFile}+0x1000`), /is a kernel module.*give the file alone/);
});

test('a damaged module is told or left out', { skip: skipKernel }, () => {
  const { guests, path } = built();
  const image = new Uint8Array(readFileSync(path));
  const random = new Random(17);
  let placed = 0;
  for (let i = 0; i < 150; i++) {
    const bad = Uint8Array.from(image);
    // Headers of the file and of its sections are at the two ends.
    for (let count = 1 + random.below(8); count > 0; count--) {
      const at = random.oneIn(2)
        ? random.below(bad.length)
        : random.oneIn(2)
          ? random.below(64)
          : -1 - random.below(1000);
      bad[at < 0 ? bad.length + at : at] = random.below(256);
    }
    const file = ModuleFile.of(path, bad);
    const places = file?.place(guests) ?? null;
    if (file === null || places === null) continue;
    placed++;
    const { debug } = file.placed('mod.o', places);
    for (let address = 0x180000; address < 0x180040; address += 3) {
      debug?.lineAt(address);
      for (const entry of debug?.localsAt(address) ?? []) assert.equal(typeof entry.tag, 'number');
    }
  }
  assert.ok(placed > 50);
});

test('a program that may lie anywhere is found by its headers, in each address space', {
  skip: skipKernel,
}, async () => {
  const { kernel, line: place, path, work } = buildProgram(folder);
  const recorded = await recordRun('program', { images: { kernel }, memoryMegabytes: 16, maxTicks: 60_000 });
  const symbols = new SymbolTable();
  symbols.add(readSymbolFile(path));
  const debug = debuggerOf(recorded, { symbols });
  const { cpu } = debug.timeline.machine;
  assert.equal((await debug.execute('where')).text.includes('work'), false);
  // Nothing is loaded at the start: the recording tells where it will be.
  await debug.execute(`break prog.c:${place}`);
  for (let times = 0; times < 3; times++) {
    const { data, text } = await debug.execute('continue');
    assert.equal((data as { line: number }).line, place, text);
    assert.equal(cpu.m32[CR3], 0x30_1000, 'the space in which it was found');
    assert.match((await debug.execute('print n')).text, /\d/);
  }
  // Where the other space is, the same program has its names at another address.
  await debug.execute('delete all');
  await debug.execute(`break 0x${(0x80_0000 + work).toString(16)}`);
  await debug.execute('reverse-continue');
  assert.equal(cpu.m32[CR3], 0x30_0000);
  assert.match((await debug.execute('where')).text, /work at prog\.c/);
  await debug.execute(`break prog.c:${place}`);
  const { data } = await debug.execute('reverse-continue');
  assert.equal((data as { line: number }).line, place);
  assert.equal(cpu.m32[CR3], 0x30_0000);
  assert.match((await debug.execute('symbols')).text, /moved by 0x800000/);
});
