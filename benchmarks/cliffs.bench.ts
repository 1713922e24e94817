/**
 * Loops that kernels are full of, beside a plain one: nanoseconds a round and millions of instructions a second on each
 * engine, by processor time of the whole process, and how many times slower than the plain loop each instruction is.
 * `--engines=a,b` (tiered); `--scale=N` (thousandths). All loops run in ring 0 with paging on unless they say so.
 */
import { assembleSource } from '../src/host/node/guest-images.ts';
import { setV8Flags } from '../src/host/node/v8-flags.ts';
import { createMachine } from '../src/library.ts';
import { benchArguments } from './bench-options.ts';

interface Cliff {
  readonly name: string;
  /** The loop's body; EBP counts. EAX, EBX, ECX, EDX, ESI and EDI are free. */
  readonly body: string;
  /** Before the loop, and routines behind it. */
  readonly before?: string;
  readonly behind?: string;
  /** Instructions of a round with DEC EBP and JNZ; what is retired besides the body's lines is counted in. */
  readonly instructions: number;
}

const USER = `
        mov dword [gdt + 0x18], 0x0000ffff
        mov dword [gdt + 0x1c], 0x00cffa00
        mov dword [gdt + 0x20], 0x0000ffff
        mov dword [gdt + 0x24], 0x00cff200
        mov dword [gdt + 0x28], (TSS & 0xffff) << 16 | 103
        mov dword [gdt + 0x2c], TSS & 0xff000000 | 0x8900 | (TSS >> 16 & 0xff)
        mov dword [TSS + 4], KERNEL_STACK
        mov dword [TSS + 8], DATA_SELECTOR
        mov eax, 0x28
        ltr ax
        mov ecx, 0x174
        mov eax, CODE_SELECTOR
        xor edx, edx
        wrmsr
        mov ecx, 0x175
        mov eax, KERNEL_STACK
        wrmsr
        mov ecx, 0x176
        mov eax, on_sysenter
        wrmsr
        mov eax, 0x80
        mov edx, on_call
        call set_gate
        mov byte [IDT + 0x80 * 8 + 5], 0xee
        push dword 0x23
        push dword USER_STACK
        push dword 2
        push dword 0x1b
        push dword in_user
        iretd
in_user:
        mov eax, 0x23
        mov ds, ax
        mov es, ax
`;
const ENTRIES = `
on_call:
        inc edi
        iretd
on_sysenter:
        inc edi
        sysexit
`;
const FAULTS = (resume: string): string => `
        mov eax, 14
        mov edx, ${resume}
        call set_gate
`;

const CLIFFS: readonly Cliff[] = [
  { name: 'plain', body: 'inc eax\n add ebx, eax\n xor edx, ebx\n add esi, edx', instructions: 6 },
  { name: 'plain, memory', body: 'inc dword [DATA]\n add ebx, [DATA]\n mov [DATA + 8], ebx', instructions: 5 },
  { name: 'call and ret', body: 'call routine', behind: 'routine:\n inc eax\n ret', instructions: 5 },
  { name: 'counter in its own page', body: 'inc dword [counter]\n inc eax', instructions: 4 },
  { name: 'pushf cli popf', body: 'pushfd\n cli\n inc eax\n popfd', instructions: 6 },
  { name: 'cli sti', body: 'cli\n inc eax\n sti\n inc ebx', instructions: 6 },
  { name: 'mov fs, ax', body: 'mov fs, cx\n inc eax', before: 'mov ecx, DATA_SELECTOR', instructions: 4 },
  { name: 'push and pop gs', body: 'push gs\n pop gs\n inc eax', instructions: 5 },
  { name: 'CR3 reload', body: 'mov eax, cr3\n mov cr3, eax\n inc ebx', instructions: 5 },
  {
    name: 'CR0.WP there and back',
    body: 'xor eax, 0x10000\n mov cr0, eax\n inc ebx',
    before: 'mov eax, cr0',
    instructions: 5,
  },
  {
    name: 'A20 there and back',
    body: 'xor al, 2\n out 0x92, al\n inc ebx',
    // The loop lies where line 20 does not matter, and so do the tables that lead there.
    before: `mov esi, round
        mov edi, 0x240000
        mov ecx, 1024
        rep movsd
        mov eax, round
        shr eax, 12
        mov dword [TABLE + eax * 4], 0x240007
        mov eax, cr3
        mov cr3, eax
        in al, 0x92`,
    instructions: 5,
  },
  { name: 'invlpg', body: 'invlpg [DATA]\n inc eax', instructions: 4 },
  { name: 'in', body: 'in al, dx\n inc ebx', before: 'mov edx, 0x61', instructions: 4 },
  { name: 'out', body: 'out 0x80, al\n inc ebx', instructions: 4 },
  { name: 'rdtsc', body: 'rdtsc\n inc ebx', instructions: 4 },
  { name: 'cpuid', body: 'xor eax, eax\n cpuid\n inc ebx', instructions: 5 },
  { name: 'mov eax, cr0', body: 'mov eax, cr0\n inc ebx', instructions: 4 },
  { name: 'div', body: 'mov eax, esi\n xor edx, edx\n div ecx', before: 'mov ecx, 7', instructions: 5 },
  {
    name: 'far call',
    body: 'call CODE_SELECTOR:far_routine',
    behind: 'far_routine:\n inc eax\n retf',
    instructions: 5,
  },
  {
    name: 'int and iret, ring 0',
    body: 'int 0x80',
    before: 'mov eax, 0x80\n mov edx, on_int\n call set_gate',
    behind: 'on_int:\n inc edi\n iretd',
    instructions: 5,
  },
  { name: 'int and iret, ring 3', body: 'int 0x80', before: USER, behind: ENTRIES, instructions: 5 },
  {
    name: 'sysenter and sysexit',
    body: 'mov ecx, esp\n mov edx, after\n sysenter\nafter:',
    before: USER,
    behind: ENTRIES,
    instructions: 7,
  },
  {
    name: 'page fault and iret',
    body: 'mov eax, [UNMAPPED]\nresume:',
    before: FAULTS('on_fault'),
    behind: 'on_fault:\n add esp, 4\n mov dword [esp], resume\n iretd',
    instructions: 5,
  },
  {
    name: 'demand map and unmap',
    body: 'mov eax, [UNMAPPED]\n mov dword [TABLE_LAST], 0\n invlpg [UNMAPPED]',
    before: FAULTS('on_demand'),
    behind: 'on_demand:\n add esp, 4\n mov dword [TABLE_LAST], 0x200003\n iretd',
    instructions: 8,
  },
  {
    name: 'data segment with a base',
    body: 'inc dword [eax]\n add ebx, [eax + 4]\n inc ecx',
    before: `mov dword [gdt + 0x18], 0x1000ffff
        mov dword [gdt + 0x1c], 0x00cf9200
        mov eax, 0x18
        mov ds, ax
        mov eax, DATA`,
    instructions: 5,
  },
  {
    name: '16 bits, with a base',
    body: 'inc ax\n add bx, ax\n xor dx, bx\n add si, dx',
    before: `mov dword [gdt + 0x18], 0x0000ffff
        mov dword [gdt + 0x1c], 0x00009a10
        jmp 0x18:in_16 - LOAD_ADDRESS
bits 16
in_16:`,
    instructions: 6,
  },
];

const MIXED_16 = 'mov ax, [si]\n add [di], ax\n push ax\n pop bx\n inc ax\n xor dx, bx';
/** 3.9·x·(1 − x), which never comes to rest, so that nothing of it is foreseen; 3.9 in the double after x. */
const CHAOS = `fninit
        mov dword [DATA + 8], 0x33333333
        mov dword [DATA + 12], 0x400f3333
        mov dword [DATA + 16], 7
        fld1
        fidiv dword [DATA + 16]
        fstp qword [DATA]
`;

/** The x87, by where its operands are. */
const FLOATS: readonly Cliff[] = [
  {
    name: 'x87, doubles',
    body: 'fld1\n fsub qword [DATA]\n fmul qword [DATA]\n fmul qword [DATA + 8]\n fstp qword [DATA]',
    before: CHAOS,
    instructions: 7,
  },
  {
    name: 'x87, registers',
    body: 'fld1\n fsub st0, st1\n fmulp st1, st0\n fmul st0, st1',
    before: `${CHAOS} fld qword [DATA + 8]\n fld qword [DATA]`,
    instructions: 6,
  },
  {
    name: 'x87, stack moves',
    body: 'fld st1\n fxch st1\n fchs\n fabs\n fstp st2',
    before: `${CHAOS} fld qword [DATA + 8]\n fld qword [DATA]`,
    instructions: 7,
  },
  {
    name: 'x87, division',
    body: 'fld qword [DATA + 8]\n fdiv qword [DATA]\n fld st0\n fdivp st2, st0\n fstp qword [DATA + 16]',
    before: `${CHAOS} fld qword [DATA + 8]`,
    instructions: 7,
  },
  {
    name: 'x87, integers',
    body: 'fild dword [DATA + 16]\n fiadd dword [DATA + 20]\n fistp dword [DATA + 20]',
    before: CHAOS,
    instructions: 5,
  },
  {
    name: 'x87, comparisons',
    body: 'fcomi st0, st1\n fcom st1\n fnstsw ax\n fld qword [DATA]\n fcomp qword [DATA + 8]',
    before: `${CHAOS} fld qword [DATA + 8]\n fld qword [DATA]`,
    instructions: 7,
  },
];

/** Segments of real mode: the code in the high memory area, where the image begins, data and stack below. */
const REAL_CODE = 'in_real - LOAD_ADDRESS + 0x10';

const NARROW: readonly Cliff[] = [
  {
    name: 'gs with a base',
    body: 'mov eax, [gs:0x14]\n add ebx, eax\n inc dword [gs:0x20]',
    before: `mov dword [gdt + 0x18], 0x0000ffff
        mov dword [gdt + 0x1c], 0x00cf9238
        mov eax, 0x18
        mov gs, ax`,
    instructions: 5,
  },
  {
    name: '16 bits, memory and stack',
    body: MIXED_16,
    before: `mov dword [gdt + 0x18], 0x0000ffff
        mov dword [gdt + 0x1c], 0x00009a10
        mov dword [gdt + 0x20], 0x0000ffff
        mov dword [gdt + 0x24], 0x00009238
        mov eax, 0x20
        mov ds, ax
        mov ss, ax
        mov esp, 0x8000
        mov esi, 0x100
        mov edi, 0x200
        jmp 0x18:in_16 - LOAD_ADDRESS
bits 16
in_16:`,
    instructions: 8,
  },
  {
    name: 'real mode',
    body: MIXED_16,
    before: `mov eax, cr0
        and eax, 0x7fffffff
        mov cr0, eax
        mov dword [gdt + 0x18], 0x0000ffff
        mov dword [gdt + 0x1c], 0x00009a10
        mov dword [gdt + 0x20], 0x0000ffff
        mov dword [gdt + 0x24], 0x00009200
        jmp 0x18:in_16 - LOAD_ADDRESS
bits 16
in_16:
        mov ax, 0x20
        mov ds, ax
        mov ss, ax
        mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        jmp 0xffff:${REAL_CODE}
in_real:
        mov ax, 0x3000
        mov ds, ax
        mov ax, 0x2000
        mov ss, ax
        mov sp, 0x8000
        mov si, 0x100
        mov di, 0x200`,
    instructions: 8,
  },
  {
    name: 'virtual-8086 mode',
    body: MIXED_16,
    before: `push dword 0x3000
        push dword 0x3000
        push dword 0x3000
        push dword 0x3000
        push dword 0x2000
        push dword 0x8000
        push dword 0x20002
        push dword 0xffff
        push dword ${REAL_CODE}
        mov esi, 0x100
        mov edi, 0x200
        iretd
bits 16
in_real:`,
    instructions: 8,
  },
];

const source = ({ body, before = '', behind = '' }: Cliff): string => `
%include "common.inc"
DIRECTORY       equ 0x220000
TABLE           equ 0x221000
DATA            equ 0x380000
UNMAPPED        equ 0x3ff000
TABLE_LAST      equ TABLE + 0x3ff * 4
TSS             equ 0x2a0000
KERNEL_STACK    equ 0x280000
USER_STACK      equ 0x290000
main:
        mov edi, TABLE
        mov eax, 7
map:
        stosd
        add eax, 0x1000
        cmp eax, 0x400000
        jb map
        mov dword [TABLE_LAST], 0
        mov dword [DIRECTORY], TABLE + 7
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        jmp here
here:
        mov al, 0xff
        out 0x21, al
        out 0xa1, al
        mov ebp, 0x7fffffff
        ${before}
        jmp round
align 4096
round:
        ${body}
        dec ebp
        jnz round
stop:
        jmp stop
align 64
counter:
        dd 0
${behind}
`;

const args = benchArguments();
setV8Flags();
const engines = (args.text('engines') ?? 'tiered').split(',').map((name) => name.replaceAll('+', ','));
const scale = (args.number('scale') ?? 1000) / 1000;
const names = args.text('guest')?.split(',') ?? [];

/** CPU time of all threads of the process in ms. */
const now = (): number => {
  const usage = process.cpuUsage();
  return (usage.user + usage.system) / 1000;
};
const TARGET_MS = 300;

console.log(`${'loop'.padEnd(26)}${engines.map((name) => name.padStart(30)).join('')}`);
const plain = engines.map(() => 0);
for (const cliff of [...CLIFFS, ...FLOATS, ...NARROW]) {
  if (names.length > 0 && cliff.name !== 'plain' && !names.some((name) => cliff.name.includes(name))) continue;
  const kernel = assembleSource(source(cliff)).bytes;
  const cells: string[] = [];
  for (const [i, engine] of engines.entries()) {
    const machine = await createMachine({ images: { kernel }, memoryMegabytes: 16, hashEveryTicks: 0, engine });
    machine.run(1_000_000);
    let step = 1_000_000;
    // Warm, then long enough to be measured.
    for (const isWarm of [false, true]) {
      const start = now();
      const from = machine.tick;
      while (now() - start < TARGET_MS * scale) {
        machine.run(machine.tick + step);
        if (now() - start < (TARGET_MS * scale) / 8) step *= 2;
      }
      if (!isWarm) continue;
      const nsPerTick = ((now() - start) * 1e6) / (machine.tick - from);
      if (cliff.name === 'plain') plain[i] = nsPerTick;
      const round = (nsPerTick * cliff.instructions).toFixed(1);
      const speed = (1000 / nsPerTick).toFixed(0);
      cells.push(`${round} ns ${speed} M/s ${(nsPerTick / plain[i]).toFixed(1)}x`.padStart(30));
    }
  }
  console.log(`${cliff.name.padEnd(26)}${cells.join('')}`);
}
