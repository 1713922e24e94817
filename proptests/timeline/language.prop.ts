/**
 * The debugger's language: what it prints can be typed back, gdb's habits work (prefixes, formats, moves over calls and
 * out of them, both ways), questions say what to type next, tables and chips are words, and a guest that is dead says
 * why. Debuggers in this process, over small recorded programs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { compileExpression } from '../../src/core/timeline/expression.ts';
import { parsePosition, PositionError } from '../../src/core/timeline/positions.ts';
import type { Debugger } from '../../src/host/debugger/debugger.ts';
import { DebuggerError } from '../../src/host/debugger/debugger-error.ts';
import { symbolOf, SymbolSource, SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { extendedText } from '../../src/host/debugger/units.ts';
import { recordRun, type Recorded } from './fixture.ts';
import { debuggerOf } from './debugger-fixture.ts';

const HEADER = 'bits 32\norg 0x100000\nheader: dd 0x1badb002, 0x10003, 0xe4514ffb, header, 0x100000, 0, 0, start\n';
const PROGRAM = `${HEADER}
start:  mov esp, 0x200000
        mov ecx, 3
again:  call work
returned:
        dec ecx
        jnz again
after:  mov eax, 0xc0de
        push dword 0x11223344
        pop ebx
done:   cli
        hlt
work:   push ebx
        mov ebx, 5
        call inner
back:   pop ebx
        ret
inner:  mov [0x180000], ecx
        ret
text:   db "hello there", 0
`;

interface Session {
  readonly debug: Debugger;
  readonly at: (name: string) => number;
  /** What a command prints. */
  readonly say: (line: string) => Promise<string>;
  readonly data: (line: string) => Promise<Record<string, unknown>>;
}

async function sessionOf(source: string, settings = {}): Promise<Session> {
  const { bytes, symbols } = assemble(source);
  const recorded: Recorded = await recordRun('program', {
    images: { kernel: bytes },
    memoryMegabytes: 4,
    maxTicks: 100_000,
    hashEveryTicks: 8192,
    ...settings,
  });
  const table = new SymbolTable();
  const places = [...symbols].filter(([, value]) => value >= 0x100000 && value < 0x101000);
  table.add(
    new SymbolSource(
      'program',
      places.map(([name, value]) => symbolOf(name, value)),
    ),
  );
  const debug = debuggerOf(recorded, { symbols: table, logName: 'program.rlog' });
  return {
    debug,
    at: (name) => symbols.get(name) ?? assert.fail(name),
    say: async (line) => (await debug.execute(line)).text,
    data: async (line) => (await debug.execute(line)).data as Record<string, unknown>,
  };
}

const session = await sessionOf(PROGRAM);
const hexOf = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

test('addresses are typed back as they are printed, with 0x or eight digits of a listing', async () => {
  const { debug, at, say } = session;
  await say('seek 3');
  const shown = /0x[0-9a-f]{8}/.exec(await say('x/i $pc'))?.[0] ?? '';
  assert.equal(debug.evaluate(shown), debug.evaluate('eip'));
  assert.equal(debug.evaluate(shown.slice(2)), debug.evaluate('eip'), 'leading zeros: hexadecimal');
  assert.equal(debug.evaluate('c0100000'), 0xc0100000);
  assert.equal(debug.evaluate('1000c0de'), 0x1000c0de);
  assert.equal(debug.evaluate('12345678'), 12345678, 'no letter, no zero in front: decimal');
  await say(`break ${hexOf(at('inner'))}`);
  assert.match(await say('bl'), new RegExp(`^\\d+  break ${hexOf(at('inner'))} inner$`));
  for (const line of ['r', 'k 4', 'x/4xw $esp', 'x $esp 32', 'u 4', 'info idt', 'info gdt', 'bl', 'lw 0x180000']) {
    const text = await say(line);
    assert.doesNotMatch(text, /\b[0-9a-f]+h\b/, `${line} prints numbers one way`);
    assert.doesNotMatch(text.replace(/^(0x[0-9a-f]+ ).*$/gm, '$1'), /(?<![\w:])0?[0-9a-f]{8}(?![\w])/, line);
  }
  await say('delete all');
});

test("expressions take gdb's names, a star reads memory, and a number is no moment", async () => {
  const { debug, at, say } = session;
  await say('seek start');
  await say(`break ${hexOf(at('inner'))}`);
  await say('c');
  await say('delete all');
  assert.equal(debug.evaluate('$eip'), at('inner'));
  assert.equal(debug.evaluate('$pc'), at('inner'));
  assert.equal(debug.evaluate('$sp + 4'), debug.evaluate('esp + 4'));
  assert.equal(debug.evaluate('*$sp'), at('back'));
  assert.equal(debug.evaluate('2 * 3'), 6);
  assert.equal(debug.evaluate('$ebx'), 5);
  for (const text of ['c0100000', 'inner', '1 + 2']) {
    assert.throws(() => parsePosition(text, (name) => (name === 'inner' ? at('inner') : undefined)), PositionError);
  }
  assert.equal(parsePosition('*esp == 3').kind, 'condition');
  assert.equal(
    compileExpression('deadbeef', (name) => (name === 'deadbeef' ? 7 : undefined))(debug.timeline.machine.cpu),
    7,
  );
});

test('unambiguous beginnings are commands, ambiguous ones are told', async () => {
  const { say } = session;
  await say('seek 3');
  assert.equal(await say('regis'), await say('i r'));
  assert.equal(await say('dev pit'), await say('devices pit'));
  assert.match(await say('inf gdt'), /^GDT at 0x/);
  await assert.rejects(
    say('re'),
    (error: Error) =>
      error instanceof DebuggerError && /can be reverse-step, .*, registers: write more/.test(error.message),
  );
  await assert.rejects(say('i nonsense'), /no topic "nonsense": info takes replay, /);
  await assert.rejects(say('step/5'), /step takes no \/5/);
});

test("x and print know gdb's letters, and an empty line goes on", async () => {
  const { debug, at, say } = session;
  await say('seek 3');
  const listing = await say('x/3i start');
  assert.equal(listing.split('\n').length, 3);
  assert.match(listing, /<start>.*mov esp/);
  assert.match(debug.again ?? '', /^x\/3i 0x0010/);
  assert.match(await say(debug.again ?? ''), /<returned>.*dec ecx/);
  assert.match(await say(`x/s text`), /<text>: "hello there"$/);
  assert.equal(await say('x/2c text'), `${hexOf(at('text'))} <text>:\t104 'h'\t101 'e'`);
  assert.equal(await say('x/4xb text'), `${hexOf(at('text'))} <text>:\t0x68\t0x65\t0x6c\t0x6c`);
  assert.match(await say('x/2xh text'), /\t0x6568\t0x6c6c$/);
  assert.match(await say('x/xw text'), /\t0x6c6c6568$/);
  assert.match(await say('x'), /^0x[0-9a-f]{8} {2}/, 'without an address: behind what was shown');
  assert.match(await say('x/1dw text + 4'), /\t1752440943$/);
  assert.match(await say('x/g text'), /\t\d+$/, 'the letter of the last one');
  assert.equal(await say('x /2xb text'), await say('x/2xb text'));
  await assert.rejects(say('x/10q text'), /"\/10q" is no format/);
  await assert.rejects(say('x/4xw 0xf0000000'), /not mapped to memory|no memory/);
  assert.equal(await say('p/x 255'), '0xff');
  assert.equal(await say('p/d 0xffffffff'), '-1');
  assert.equal(await say('p/t 5'), '101');
  assert.equal(await say('p/c 0x41'), "65 'A'");
  assert.equal(await say('p/a text'), `${hexOf(at('text'))} <text>`);
  assert.match(await say('p $ecx'), /^\d+ = 0x/);
  await assert.rejects(say('p/4x 1'), /one value/);
});

test('moves go over calls and out of them, forwards and backwards', async () => {
  const { debug, at, say, data } = session;
  const eip = (): number => debug.evaluate('eip');
  await say('seek 2');
  assert.equal(eip(), at('again'));
  const before = debug.timeline.position.tick;
  await say('ni');
  assert.equal(eip(), at('returned'));
  await say('rni');
  assert.deepEqual([eip(), debug.timeline.position.tick], [at('again'), before]);
  await say('next');
  await say('reverse-next');
  assert.equal(debug.timeline.position.tick, before);
  await say('si 3');
  await say('b inner');
  await say('c');
  await say('delete all');
  const inner = debug.timeline.position.tick;
  assert.equal(eip(), at('inner'));
  const out = await data('finish');
  assert.deepEqual([out.kind, out.breakpoint, eip()], ['position', null, at('back')]);
  await say('rfin');
  assert.equal(eip(), at('again'), 'the call that led to work');
  await say(`seek ${inner}`);
  await say('reverse-finish');
  assert.equal(eip(), at('back') - 5, 'the call of inner');
  await say('finish');
  assert.equal(eip(), at('returned'));
  await say('until after');
  assert.equal(eip(), at('after'));
  // A loop's jump back is gone on from, not followed.
  await say('seek start');
  await say('b returned');
  await say('c');
  await say('delete all');
  await say('si');
  await say('until');
  assert.equal(eip(), at('after'));
  assert.equal(debug.timeline.breakpoints.length, 0, 'nothing is left behind');
  // The N-th hit, and an empty line once more.
  await say('seek start');
  const { id } = await data('b inner');
  await say('delete all');
  await say('ni');
  assert.equal((await data('b inner')).id, Number(id) + 1, 'moves take no numbers');
  const third = await data('c 3');
  assert.equal(third.kind, 'breakpoint');
  assert.equal(debug.evaluate('ecx'), 1);
  const first = await data('rc 2');
  assert.equal(first.kind, 'breakpoint');
  assert.equal(debug.evaluate('ecx'), 3);
  assert.equal(debug.again, 'rc 2');
  await say('when');
  assert.equal(debug.again, null);
  await say('delete all');
  await say('seek start');
  await assert.rejects(say('finish'), /no caller/);
});

test('questions speak of linear addresses and say what to type', async () => {
  const { debug, at, say, data } = session;
  await say('seek end');
  const written = await say('lw 0x180000');
  const way = /to go there: (seek \d+(?:\/\d+)?)$/.exec(written)?.[1] ?? '';
  assert.match(written, /the last write before here to 0x00180000, value now 0x1/);
  await say(way);
  assert.equal(debug.evaluate('eip'), at('inner'));
  const caller = await say('who-called');
  assert.match(caller, /^returns to 0x[0-9a-f]{8} <back> \(the word at 0x[0-9a-f]{8}\), called at/);
  await say(/to go there: (seek .*)$/.exec(caller)?.[1] ?? '');
  assert.equal(debug.evaluate('eip'), at('back') - 5);
  const found = await say('find "hello there"');
  assert.match(found, /^0x[0-9a-f]{8} <text> {2}since the boot; look: x 0x[0-9a-f]+$/m);
  assert.match(await say(/look: (x 0x[0-9a-f]+)$/m.exec(found)?.[1] ?? ''), /hello there/);
  const watched = await data('watch 0x180000');
  assert.equal(watched.linear, 0x180000);
  assert.match(await say('rc'), /write of 4 bytes at 0x00180000/);
  assert.match(await say('bl'), /write of 4 bytes at 0x00180000/);
  await say('delete all');
});

test('places behind page tables are linear addresses too', async () => {
  // Physical 280000h is seen at 40000000h alone.
  const { say, debug } = await sessionOf(`${HEADER}
start:  mov esp, 0x200000
        mov edi, 0x300000
        mov dword [edi], 0x301083
        mov dword [edi + 0x400], 0x302003
        mov dword [0x302000], 0x280007
        mov eax, 0x301000
fill:   mov ecx, 0
next:   mov edx, ecx
        shl edx, 12
        or edx, 3
        cmp ecx, 0x280
        je skip
        mov [eax + ecx * 4], edx
skip:   inc ecx
        cmp ecx, 0x400
        jb next
        mov dword [edi], 0x301003
        mov eax, 0x300000
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        mov dword [0x40000010], 0x4e4f4f4d
done:   cli
        hlt
`);
  await say('seek end');
  assert.match(await say('find "MOON"'), /^0x40000010 .*look: x 0x40000010, go there: seek \d+$/m);
  await say('watch 0x40000010');
  assert.match(await say('rc'), /write of 4 bytes at 0x40000010/);
  await say('step');
  assert.match(
    await say('info pagetable 0x40000010'),
    /PDE .*writable supervisor(?:.|\n)*PTE .*user(?:.|\n)*0x40000010 is physical 0x280010/,
  );
  const ranges = await say('info pagetable');
  assert.match(ranges, /^0x40000000 to 0x40000fff {2}physical 0x00280000 {2}rw supervisor$/m);
  assert.match(ranges, /^0x00000000 to 0x0027ffff {2}physical 0x00000000 {2}rw supervisor$/m);
  assert.match(await say('diff start, now'), /^0x40000010 /m);
  assert.ok(debug.timeline.position.tick > 0);
});

test('tables, units and chips are words', async () => {
  const { say } = await sessionOf(`${HEADER}
start:  mov esp, 0x200000
        lgdt [gdtr]
        lidt [idtr]
        mov ax, 0x18
        ltr ax
        mov eax, cr4
        or eax, 0x600
        mov cr4, eax
        fninit
        fld1
        fldpi
        movups xmm1, [numbers]
        mov al, 0x36
        out 0x43, al
        mov al, 0xa9
        out 0x40, al
        mov al, 4
        out 0x40, al
        mov ecx, 3000
x:      loop x
done:   cli
        hlt
handler: iret
gdtr:   dw 0x1f
        dd gdt
gdt:    dd 0, 0, 0x0000ffff, 0x00cf9a00, 0x0000ffff, 0x00cf9200, tss_low, 0x00008910
idtr:   dw 0x17
        dd idt
idt:    dd 0x00080000 + handler_low, 0x00108e00, 0, 0, 0x00080000 + handler_low, 0x0010ef00
numbers: dd 0x3f800000, 0x40000000, 0, 0
handler_low equ handler - 0x100000
tss_low equ 0x00000067 + ((tss - 0x100000) << 16)
        align 4
tss:    dd 0, 0x1ff000, 0x10
        times 23 dd 0
`);
  await say('seek end');
  assert.match(await say('info gdt'), /^GDT at 0x[0-9a-f]{8}, limit 0x1f, 1 of 4 entries are null$/m);
  assert.match(await say('info gdt'), /^0x0008 {2}base 0x00000000 limit 0xffffffff code 32-bit readable, DPL 0/m);
  assert.match(await say('info gdt'), /^0x0018 {2}base 0x0010[0-9a-f]{4} limit 0x00000067 32-bit TSS, busy, DPL 0$/m);
  const idt = await say('info idt');
  assert.match(idt, /^IDT at 0x[0-9a-f]{8}, limit 0x17, 3 gates$/m);
  assert.match(idt, /^0x0 +#DE +0x0008:0x0010[0-9a-f]{4} interrupt gate, DPL 0 {2}handler$/m);
  assert.match(idt, /^0x1 +#DB +not present$/m);
  assert.match(idt, /^0x2 +NMI +0x0008:0x0010[0-9a-f]{4} trap gate, DPL 3 {2}handler$/m);
  assert.match(
    await say('info tss'),
    /^TSS 0x0018, 32-bit, at 0x0010[0-9a-f]{4}, limit 0x67\n.*esp0 +0x001ff000 +ss0 +0x0010/,
  );
  const fpu = await say('info fpu');
  assert.match(fpu, /^st0 {2}4000:c90fdaa22168c235 {2}valid {4}3\.14159265358979/m);
  assert.match(fpu, /^st1 {2}3fff:8000000000000000 {2}valid {4}1$/m);
  assert.match(fpu, /^st2 .*empty$/m);
  assert.match(fpu, /rounds to nearest, 64 bits, masked IM DM ZM OM UM PM/);
  assert.match(await say('info xmm'), /^xmm1 {2}0x0000000000000000400000003f800000 {2}floats 1 2 0 0, doubles/m);
  assert.match(
    await say('info pit'),
    /^counter 0 \(IRQ 0\): mode 3, square wave, count 1193 \(1000 Hz\), \d+ clocks to go$/m,
  );
  assert.match(await say('info pic'), /^master 8259A: IRQ 0 to 7 are vectors 0x8 to 0xf$/m);
  assert.match(await say('info pic'), /open +IRQ 0 \(timer\)/);
  assert.match(await say('info apic'), /^local APIC 0: enabled, spurious vector 0xff$/m);
  assert.match(await say('info apic'), /LINT0 +ExtINT/);
  assert.match(await say('info'), /info idt, ivt .*\n/);
});

test('a dead guest says why, and a search in it ends', async () => {
  const dead = await sessionOf(
    `${HEADER}
start:  mov esp, 0x200000
        mov al, 0x34
        out 0x43, al
        xor al, al
        out 0x40, al
        out 0x40, al
        cli
        hlt
`,
    { maxTicks: 20_000_000_000, hashEveryTicks: 2 ** 30 },
  );
  await dead.say('seek 1000');
  assert.match(await dead.say('seek now'), /\(halted with interrupts off: only an NMI or a reset can wake it\)$/);
  await dead.say('b 0x100000');
  assert.match(await dead.say('c'), /the end of the recording/);

  // CR0.NE is 0, the zero divide is unmasked, IRQ 13 is masked: FERR# is raised and nobody comes.
  const frozen = await sessionOf(
    `${HEADER}
start:  mov esp, 0x200000
        mov eax, cr0
        and eax, ~0x20
        mov cr0, eax
        fninit
        push dword 0x37b
        fldcw [esp]
        fldz
        fld1
        fdivrp st1, st0
wait_here: fwait
        hlt
`,
    { maxTicks: 20_000_000_000, hashEveryTicks: 2 ** 30 },
  );
  await frozen.say('seek 1000');
  const text = await frozen.say('seek now');
  assert.match(
    text,
    /wait_here.*\(frozen at an x87 error \(zero divide\): CR0\.NE is 0, so it waits for IRQ 13, .*interrupts are off\)/,
  );
  assert.match(await frozen.say('info fpu'), /FERR# is active/);
  await frozen.say('b 0x100000');
  assert.match(await frozen.say('c'), /the end of the recording/);
  await frozen.say('seek 100000000');
  await frozen.say('rsi');
  assert.equal(frozen.debug.timeline.position.tick, 99_999_999);
});

test('a triple fault is told with its place and the faults that led there', async () => {
  const source = `${HEADER}
start:  mov esp, 0x200000
        lidt [idtr]
here:   ud2
idtr:   dw 0
        dd 0
`;
  const again = await sessionOf(source);
  const { at } = again;
  const told = await again.say('seek reset');
  const place = `0x${at('here').toString(16)}`;
  assert.match(told, new RegExp(`, after the triple fault at eip ${place} after #UD, #GP, #DF\n`));
  assert.match(
    await again.say('info resets'),
    new RegExp(`^tick 2: triple fault at eip ${place} after #UD, #GP, #DF$`, 'm'),
  );
  const last = await sessionOf(source, { reboot: false });
  assert.match(
    (await last.say('seek end')) + (await last.say('c')),
    new RegExp(`the end of the recording \\(shutdown: triple fault at eip ${place} after #UD, #GP, #DF\\)`),
  );
});

test('extended numbers are shown in decimal', () => {
  assert.equal(extendedText(0x8000000000000000n, 0x3fff), '1');
  assert.equal(extendedText(0xc000000000000000n, 0xc000), '-3');
  assert.equal(extendedText(0n, 0x8000), '-0');
  assert.equal(extendedText(0x8000000000000000n, 0x7fff), 'infinity');
  assert.equal(extendedText(0xc000000000000000n, 0x7fff), 'NaN');
  assert.match(extendedText(0x8000000000000000n, 0x7ffe), /^about 1e49\d\d$/);
});
