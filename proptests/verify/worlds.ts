/**
 * Random guests that leave flat protected mode: between pieces of random code (programs.ts) they turn paging on and
 * off, with 32-bit and with PAE tables, edit page tables with and without INVLPG, take page faults, go to ring 3 and
 * come back through interrupt and call gates, run in a 16-bit segment and in real mode, while the timer interrupts at
 * intervals that change every time and notes where. A world is a multiboot guest from one seed; it ends by the
 * debug-exit port.
 */
import { REGISTERS_16 } from '../../src/core/base/names.ts';
import { Random } from '../../src/core/base/random.ts';
import { assemble } from '../../src/core/isa/assemble.ts';
import { cornerData, cornerSetup, cornerTurn, NUMBERS } from './corner-tables.ts';
import { DATA, DATA_BYTES } from './probes.ts';
import { CONSTANT_COUNT, CONSTANTS, Program, REGISTERS } from './programs.ts';
import { startControllers } from '../support/controllers.ts';

const KERNEL_STACK = 0x170000;
const INNER_STACK = 0x174000;
const USER_STACK = 0x178000;
const TSS = 0x17c000;
const IDT = 0x17d000;
/** EIP at each interrupt, 4096 of them. */
const IRQ_TRACE = 0x160000;
const DIRECTORY = 0x1a0000;
const TABLE = 0x1a1000;
const ALIAS_TABLE = 0x1a2000;
const PDPT = 0x1a4000;
const PAE_DIRECTORY = 0x1a5000;
const PAE_TABLE = 0x1a6000;
const PAE_ALIAS_DIRECTORY = 0x1a7000;
const PAE_ALIAS_TABLE = 0x1a8000;
/** Pages of DATA are mapped here again, in an order that changes. */
const ALIAS = 0x40000000;
const ALIAS_PAGES = 8;
/** 16-bit code is copied here: the base of selector 38h, and segment 800h of real mode. */
const LOW_CODE = 0x8000;

/** Words that 16-bit code uses, in segments that begin at 0; behind them it keeps what stack instructions leave. */
const NARROW_DATA = 0x6000;
const NARROW_STACK_TRACE = 0x6100;

/** Base of selector 48h. */
const SHIFT = 0x800;

type Paging = 'off' | 'on' | 'pae';

class World {
  private readonly dice: Random;
  private readonly program: Program;
  private paging: Paging = 'off';
  private labels = 0;
  /** Code of 16 bits, one routine after the other. */
  private readonly narrow: string[] = [];

  constructor(dice: Random, seed: number) {
    this.dice = dice;
    this.program = new Program(dice, seed, true);
  }

  private label(): string {
    return `world${this.labels++}`;
  }

  /** Random code, done a few times. */
  private code(lines: number, turns: number): string {
    const { program } = this;
    program.lines.length = 0;
    while (program.lines.length < lines) program.line();
    const top = this.label();
    return `mov dword [turns], ${turns}\n${top}:\n${program.lines.join('\n')}\ndec dword [turns]\njnz near ${top}`;
  }

  private setPaging(paging: Paging): string {
    if (paging === this.paging) return '';
    const off = 'mov eax, cr0\nand eax, 0x7fffffff\nmov cr0, eax';
    const lines = this.paging === 'off' ? [] : [off];
    this.paging = paging;
    if (paging !== 'off') {
      const pae = paging === 'pae';
      lines.push(
        `mov eax, cr4\n${pae ? 'or eax, 0x20' : 'and eax, 0xffffffdf'}\nmov cr4, eax`,
        `mov dword [entries], ${pae ? PAE_ALIAS_TABLE : ALIAS_TABLE}\nmov byte [shift], ${pae ? 3 : 2}`,
        `mov eax, ${pae ? PDPT : DIRECTORY}\nmov cr3, eax`,
        `mov eax, cr0\nand eax, 0xfffeffff\n` +
          `or eax, ${this.dice.below(2) === 0 ? '0x80000000' : '0x80010000'}\nmov cr0, eax`,
      );
    }
    return `cli\n${lines.join('\n')}\nsti`;
  }

  /** Accesses through the alias, and changes of what it means. */
  private alias(): string {
    const { dice } = this;
    const lines: string[] = [];
    const [table, size] = this.paging === 'pae' ? [PAE_ALIAS_TABLE, 8] : [ALIAS_TABLE, 4];
    const top = this.label();
    lines.push(`mov dword [turns], ${1 + dice.below(6)}`, `${top}:`);
    for (let i = 0; i < 12; i++) {
      const page = dice.below(ALIAS_PAGES);
      const register = dice.pick(REGISTERS);
      const place = ALIAS + page * 0x1000 + dice.below(0x3fc) * 4 + (dice.below(6) === 0 ? dice.below(4) : 0);
      const kind = dice.below(9);
      if (kind === 8) lines.push(this.tableInBlock(table + page * size, ALIAS + page * 0x1000));
      else if (kind < 2) lines.push(`mov ${register}, [${place}]`);
      else if (kind < 4) lines.push(`mov dword [${place}], ${register}`);
      else if (kind === 4) lines.push(`add dword [${place}], ${register}`);
      else if (kind === 5) lines.push(`mov dword [${ALIAS + page * 0x1000 + 0xffe}], ${register}`);
      else {
        // Another page, a page that is not there, or one that must not be written; and what follows looks at it.
        const rights = dice.pick([7, 7, 7, 5, 0]);
        const target = (DATA + dice.below(3) * 0x1000) | rights;
        lines.push(`mov dword [${table + page * size}], ${target}`);
        const how = dice.below(3);
        const linear = ALIAS + page * 0x1000;
        if (how === 0) lines.push(`invlpg [${linear}]`);
        else if (how === 1) lines.push('mov eax, cr3\nmov cr3, eax');
        lines.push(`mov ${register}, [${linear + 16}]\nadd [${linear + 4 * (4 + dice.below(2))}], ${register}`);
      }
    }
    return `${lines.join('\n')}\ndec dword [turns]\njnz near ${top}`;
  }

  /**
   * In one block: an entry is written while its table is not in use, used by an instruction in between, written again.
   */
  private tableInBlock(entry: number, linear: number): string {
    const { dice } = this;
    const [name, register] = [this.label(), dice.pick(['ecx', 'edx', 'ebx'])];
    const [first, second] = [0, 1].map((n) => (DATA + ((dice.below(2) + n) % 3) * 0x1000) | 7);
    return `mov eax, cr3
mov cr3, eax
mov dword [${(entry & 0xfffff000) | 0xff0}], ${first}
jmp ${name}
${name}: mov edi, ${linear + 64}
mov dword [${entry}], ${first}
mov ecx, 1
rep stosd
mov dword [${entry}], ${second}
mov ${register}, [${linear + 32}]
mov [${linear + 48}], ${register}`;
  }

  /** To ring 3 and back by a gate; on the way it may call the kernel and return. */
  private user(): string {
    const { dice } = this;
    const [down, back] = [this.label(), this.label()];
    const code = this.code(8 + dice.below(20), 1 + dice.below(5));
    const call = dice.below(2) === 0 ? 'call 0x33:0\n' : '';
    const leave = dice.below(2) === 0 ? 'int 0x30' : 'int 0x31';
    // As a kernel that has left the data segments of ring 3 in place, and uses one of its own.
    const data = dice.below(2) === 0 ? 'mov ax, 0x23\nmov ds, ax\nmov es, ax\nmov ax, 0x10\nmov fs, ax\n' : '';
    return `${data}mov dword [go_on], ${back}
        push dword 0x23
        push dword ${USER_STACK}
        push dword 0x202
        push dword 0x1b
        push dword ${down}
        iretd
${down}: mov ax, 0x23
        mov ds, ax
        mov es, ax
${call}${code}
${call}${leave}
${back}:`;
  }

  private narrowLine(): string {
    const { dice } = this;
    const words = REGISTERS_16.filter((name) => !/[sb]p/.test(name));
    const [a, b] = [dice.pick(words), dice.pick(words)];
    return dice.pick([
      `${dice.pick(['add', 'sub', 'adc', 'sbb', 'xor', 'and', 'cmp'])} ${a}, ${b}`,
      `${dice.pick(['add', 'sub', 'cmp'])} e${a}, e${b}`,
      `mov e${a}, ${dice.pick(NUMBERS)}`,
      `${dice.pick(['shl', 'shr', 'sar', 'rol', 'rcr'])} ${a}, ${1 + dice.below(15)}`,
      `inc ${a}`,
      `push ${a}\nmov [${NARROW_STACK_TRACE}], esp\npop ${b}\nmov [${NARROW_STACK_TRACE + 4}], esp`,
      `movzx e${a}, ${b}`,
      `imul ${a}, ${b}`,
      `setb al`,
      // 16-bit addresses, some of which wrap; the stack; a string.
      `mov si, ${0xfff0 + 2 * dice.below(8)}\nmov ${a}, [si + ${NARROW_DATA + 0x10 + dice.below(0x40)}]`,
      `mov bx, ${dice.below(0x40)}\n${dice.pick(['add', 'sub', 'xor'])} [bx + ${NARROW_DATA}], ${a}`,
      `mov di, ${2 * dice.below(0x20)}\nmov [di + ${NARROW_DATA}], e${b}`,
      `push word [${NARROW_DATA + dice.below(0x40)}]\npop word [${NARROW_DATA + dice.below(0x40)}]
mov [${NARROW_STACK_TRACE + 8}], esp`,
      `mov si, ${NARROW_DATA}\nlodsw\nlea ${b}, [bx + si + ${dice.below(0x10000)}]`,
    ]);
  }

  private narrowCode(): string {
    const top = this.label();
    const lines = Array.from({ length: 4 + this.dice.below(12) }, () => this.narrowLine());
    return `mov bp, ${2 + this.dice.below(6)}\n${top}:\n${lines.join('\n')}\ndec bp\njnz ${top}`;
  }

  /** Data through a segment that begins a little above 0, in code that is flat: the wrong address is a good one too. */
  private dataSegment(): string {
    const { dice } = this;
    const top = this.label();
    const lines = Array.from({ length: 6 }, () => {
      const place = DATA + dice.below(0x600) * 4;
      const register = dice.pick(REGISTERS);
      return dice.pick([
        `mov ${register}, [${place}]`,
        `mov [${place}], ${register}`,
        `add dword [${place}], ${register}`,
      ]);
    });
    return `mov ax, 0x48\nmov ds, ax\nmov ecx, ${2 + dice.below(5)}\n${top}:\npush ecx\n${lines.join('\n')}
        pop ecx\ndec ecx\njnz ${top}\nmov ax, 0x10\nmov ds, ax`;
  }

  /** A far call into a 16-bit segment, interrupts on. */
  private segment16(): string {
    const name = this.label();
    this.narrow.push(`${name}:\n${this.narrowCode()}\ndb 0x66, 0xcb`);
    return `call 0x38:${name} - narrow`;
  }

  private realMode(): string {
    const paging = this.setPaging('off');
    const [name, real, back] = [this.label(), this.label(), this.label()];
    this.narrow.push(`${name}:
        mov ax, 0x40
        mov ds, ax
        mov ss, ax
        mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        db 0xea
        dw ${real} - narrow, ${LOW_CODE >> 4}
${real}: xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7000
${this.narrowCode()}
        mov eax, cr0
        or al, 1
        mov cr0, eax
        db 0x66, 0xea
        dd ${back}
        dw 8`);
    return `${paging}
        cli
        mov [stack], esp
        jmp 0x38:${name} - narrow
${back}: mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, [stack]
        sti`;
  }

  section(): string {
    const { dice } = this;
    const kind = dice.below(13);
    if (kind === 12) return this.dataSegment();
    if (kind < 3) return this.code(6 + dice.below(24), 2 + dice.below(6));
    if (kind < 5) return this.setPaging(dice.pick(['off', 'on', 'pae'] as const));
    if (kind < 8) {
      const on = this.paging === 'off' ? this.setPaging(dice.pick(['on', 'pae'] as const)) : '';
      return `${on}\n${this.alias()}`;
    }
    if (kind < 9) return this.user();
    if (kind < 10) return this.segment16();
    if (kind < 11) return this.realMode();
    const quiet = this.label();
    return dice.pick([
      'sti\nnop\ncli\nnop\nsti',
      'hlt',
      'cli\nsti\nhlt',
      'std\ncld',
      'pushfd\ncli\npopfd',
      // Longer than the timer takes: an interrupt waits for STI and the instruction behind it.
      `cli\nmov ecx, 1500\n${quiet}: loop ${quiet}\nsti\ninc dword [irqs]\ncli\nsti\nnop`,
    ]);
  }

  functions(): string {
    return this.program.functions.join('\n');
  }
  narrowCopies(): string {
    return this.narrow.join('\n');
  }
  pagingOff(): string {
    return this.setPaging('off');
  }
}

export function randomWorldSource(seed: number, sections = 14, turns = 3): string {
  const dice = new Random(seed);
  const world = new World(dice, seed);
  const body = Array.from({ length: sections }, () => world.section()).join('\n');
  const starts = REGISTERS.map((name) => `mov ${name}, ${dice.below(0x1_0000_0000)}`).join('\n');
  return `
bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
align 8
gdt:    dd 0, 0, 0x0000ffff, 0x00cf9a00, 0x0000ffff, 0x00cf9200
        dd 0x0000ffff, 0x00cffa00, 0x0000ffff, 0x00cff200
        dd ${((TSS & 0xffff) << 16) >>> 0} | 103, ${(TSS & 0xff000000) | 0x8900 | ((TSS >> 16) & 0xff)}
gate:   dd 0, 0
        dd ${((LOW_CODE & 0xffff) << 16) >>> 0} | 0xffff, 0x00009a00, 0x0000ffff, 0x00009200
        dd ${SHIFT << 16} | 0xffff, 0x00cf9200
gdtr:   dw 79
        dd gdt
idtr:   dw 0x1ff
        dd ${IDT}
turns:  dd 0
rounds: dd ${turns}
irqs:   dd 0
nmis:   dd 0
go_on:  dd 0
stack:  dd 0
entries: dd 0
shift:  dd 0
start:  lgdt [gdtr]
        jmp 8:flat
flat:   mov eax, 16
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, ${KERNEL_STACK}
        mov edi, ${DATA}
        mov ecx, 256
        mov eax, cr4
        or eax, 0x600
        mov cr4, eax
        fninit
        mov eax, ${dice.below(0x1_0000_0000)}
fill:   imul eax, eax, 1103515245
        add eax, 12345
        stosd
        loop fill
        mov esi, ${DATA}
        mov ecx, ${((DATA_BYTES + 0xc00) >> 2) - 256}
        rep movsd
        mov esi, ${DATA}
        mov edi, ${CONSTANTS}
        mov ecx, ${CONSTANT_COUNT}
        rep movsd
${cornerSetup()}
        ; 64 gates: exceptions end the run, but for page faults; line 0 is the timer; 30h and 31h come from ring 3.
        mov edi, ${IDT}
        mov ecx, 64
gates:  mov eax, on_exception
        call put_gate
        loop gates
        mov edi, ${IDT + 14 * 8}
        mov eax, on_page_fault
        call put_gate
        mov edi, ${IDT + 2 * 8}
        mov eax, on_nmi
        call put_gate
        mov edi, ${IDT + 0x20 * 8}
        mov eax, on_timer
        call put_gate
        mov edi, ${IDT + 0x30 * 8}
        mov eax, on_call
        call put_gate
        mov eax, on_call
        call put_gate
        mov byte [${IDT + 0x30 * 8 + 5}], 0xee
        mov byte [${IDT + 0x31 * 8 + 5}], 0xef
        lidt [idtr]
        mov edi, gate
        mov eax, on_gate
        call put_gate
        mov byte [gate + 5], 0xec
        mov edi, ${TSS}
        mov ecx, 26
        xor eax, eax
        rep stosd
        mov dword [${TSS + 4}], ${INNER_STACK}
        mov dword [${TSS + 8}], 0x10
        mov word [${TSS + 102}], 104
        mov eax, 0x28
        ltr ax
        ; Tables: 2 MiB one to one, and the alias.
        mov edi, ${DIRECTORY}
        mov ecx, 0x9000 / 4
        xor eax, eax
        rep stosd
        mov dword [${DIRECTORY}], ${TABLE | 7}
        mov dword [${DIRECTORY + (ALIAS >>> 22) * 4}], ${ALIAS_TABLE | 7}
        mov dword [${PDPT}], ${PAE_DIRECTORY | 1}
        mov dword [${PDPT + 8}], ${PAE_ALIAS_DIRECTORY | 1}
        mov dword [${PAE_DIRECTORY}], ${PAE_TABLE | 7}
        mov dword [${PAE_ALIAS_DIRECTORY}], ${PAE_ALIAS_TABLE | 7}
        mov eax, 7
        xor ebx, ebx
map:    mov [${TABLE} + ebx*4], eax
        mov [${PAE_TABLE} + ebx*8], eax
        add eax, 0x1000
        inc ebx
        cmp ebx, 512
        jb map
        ; 16-bit code.
        mov esi, narrow
        mov edi, ${LOW_CODE}
        mov ecx, narrow_end - narrow
        rep movsb
        ; Interrupt controllers and timer.
${startControllers(0xfe, 0xff)}
        call arm_timer
        sti
${starts}
again:
${body}
${world.pagingOff()}
${cornerTurn()}
        dec dword [rounds]
        jnz near again
        cli
        mov al, 1
        out 0xf4, al
put_gate:
        mov edx, eax
        and edx, 0xffff
        or edx, 0x80000
        mov [edi], edx
        and eax, 0xffff0000
        or eax, 0x8e00
        mov [edi + 4], eax
        add edi, 8
        ret
arm_timer:
        mov al, 0x30
        out 0x43, al
        imul eax, [irqs], 2654435
        shr eax, 11
        and eax, 15
        inc eax
        out 0x40, al
        mov al, 0
        out 0x40, al
        ret
on_timer:
        push ds
        pushad
        mov ax, 0x10
        mov ds, ax
        mov eax, [irqs]
        and eax, 4095
        mov ecx, [esp + 36]
        mov [${IRQ_TRACE} + eax*4], ecx
        inc dword [irqs]
        call arm_timer
        mov al, 0x20
        out 0x20, al
        popad
        pop ds
        iretd
on_nmi: push ds
        push eax
        mov ax, 0x10
        mov ds, ax
        mov eax, [esp + 8]
        rol dword [nmis], 7
        add [nmis], eax
        pop eax
        pop ds
        iretd
on_page_fault:
        pushad
        mov eax, cr2
        shr eax, 12
        and eax, 0x1ff
        mov cl, [shift]
        shl eax, cl
        add eax, [entries]
        mov dword [eax], ${(DATA + 0x1000) | 7}
        popad
        add esp, 4
        iretd
on_gate:
        add dword [${DATA + 64}], 3
        retf
on_call:
        mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov esp, ${KERNEL_STACK}
        sti
        jmp [go_on]
on_exception:
        cli
        mov al, 0x7f
        out 0xf4, al
${world.functions()}
${cornerData()}
align 16
narrow:
bits 16
${world.narrowCopies()}
        nop
narrow_end:
`;
}

export function randomWorld(seed: number, sections?: number, turns?: number): Uint8Array {
  return assemble(randomWorldSource(seed, sections, turns)).bytes;
}
