/**
 * The guest-side monitor: restores the arena, applies a case's patches, loads its system state, enters it with IRETD,
 * and prints what is left when the first exception or interrupt comes back through the case's IDT. It survives what a
 * case does as long as the GDT entries of the monitor and some gate work; else the emulator resets, and that is the
 * result. Output on port E9h: `S` at the start, `X` after a reset, `C n` before case n,
 * `R field…` and `D address value…` after it, `E` at the end.
 */
import { assemble } from '../../../src/core/isa/assemble.ts';
import * as at from './layout.ts';

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

const SOURCE = `
bits 32
org ${hex(at.MONITOR)}
B       equ ${hex(at.MONITOR)}
STACK   equ ${hex(at.MONITOR + 0xf000)}
MON_IDT equ ${hex(at.MONITOR + 0xe000)}
case_at equ ${hex(at.PROGRESS + 4)}
case_index equ ${hex(at.PROGRESS + 8)}
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, ${hex(at.LOAD)}, ${hex(at.LOAD)}, 0, 0, ${hex(at.LOAD + 0x20)}
start:  cli
        cld
        mov esi, ${hex(at.LOAD)}
        mov edi, B
        mov ecx, ${hex(at.MONITOR_SIZE / 4)}
        rep movsd
        mov eax, moved
        jmp eax
moved:  lgdt [gdtr]
        jmp 8:flat
flat:   mov eax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        mov esp, STACK
        mov al, 0xff
        out 0x21, al
        out 0xa1, al
        mov al, 2
        out 0x92, al
        ; an IDT of our own: #DB returns, everything else is a defect of the case
        mov edi, MON_IDT
        mov ecx, 256
        mov ebx, lost
make_gate:
        mov eax, ebx
        and eax, 0xffff
        or eax, 0x80000
        mov [edi], eax
        mov eax, ebx
        and eax, 0xffff0000
        or eax, 0x8e00
        mov [edi + 4], eax
        add edi, 8
        loop make_gate
        mov eax, on_debug
        mov [MON_IDT + 8], ax
        mov eax, cleared
        mov [MON_IDT + 0x20 * 8], ax
        mov byte [MON_IDT + 0x20 * 8 + 5], 0xee
        mov dword [mon_tss + 4], STACK
        mov dword [mon_tss + 8], 0x10
        lidt [idtr]
        mov ax, 0x38
        ltr ax
        ; After a reset the next case goes on.
        mov al, 'X'
        cmp dword [${hex(at.PROGRESS)}], 0x52505253
        je resumed
        mov dword [${hex(at.PROGRESS)}], 0x52505253
        ; breakpoints wherever a case may stray
        mov eax, 0xcccccccc
        mov edi, 0x40000
        mov ecx, 0x4000
        rep stosd
        mov edi, 0x60000
        mov ecx, 0xe000
        rep stosd
        mov dword [case_at], ${hex(at.CASES)}
        mov dword [case_index], 0
        mov al, 'S'
resumed:
        call put
        call put_line

next:   mov ebp, [case_at]
        mov eax, [ebp]
        test eax, eax
        jz done
        add [case_at], eax
        mov al, 'C'
        call put
        mov eax, [case_index]
        call put_hex
        call put_line
        inc dword [case_index]
        ; shadow := template, patched; arena := shadow
        mov ebx, ${hex(at.ARENA_SIZE / 4)}
        test dword [ebp + 4], 1
        jz sized
        mov ebx, ${hex((at.ARENA_SIZE + at.PAGED_SIZE) / 4)}
sized:  mov [words], ebx
        mov ebx, ${hex((at.ARENA_SIZE + at.PAGED_SIZE) / 4)}
        mov ecx, ebx
        mov esi, ${hex(at.TEMPLATE)}
        mov edi, ${hex(at.SHADOW)}
        rep movsd
        mov ecx, [ebp + 164]
        lea esi, [ebp + 168]
        jecxz patched
patch:  mov edi, [esi]
        mov eax, [esi + 4]
        mov [edi + ${hex(at.SHADOW - at.ARENA)}], eax
        add esi, 8
        loop patch
patched:
        mov ecx, ebx
        mov esi, ${hex(at.SHADOW)}
        mov edi, ${hex(at.ARENA)}
        rep movsd
        ; The same below the arena; vectors of redirected interrupts lead to TARGET_A.
        mov eax, 0x20001400
        xor edi, edi
        mov ecx, 256
        rep stosd
        mov eax, 0xcccccccc
        mov ecx, 0x7f00
        rep stosd
        ; Stacks of 64 KiB wrap around to here.
        mov edi, 0x2ff00
        mov ecx, 0x40
        rep stosd
        mov dword [s_kind], 0
        mov dword [s_vector], 0
        fninit
        xor eax, eax
        mov cr2, eax
        mov eax, 0xffff0ff0
        mov dr6, eax
        mov ecx, 21
        lea esi, [ebp + 80]
        mov edi, frame
        rep movsd
        ; model-specific registers
        xor edx, edx
        mov ecx, 0x2ff
        xor eax, eax
        wrmsr
        mov ecx, 0x174
        mov eax, [ebp + 68]
        wrmsr
        inc ecx
        mov eax, [ebp + 72]
        wrmsr
        inc ecx
        mov eax, [ebp + 76]
        wrmsr
        mov eax, [ebp + 20]
        mov ecx, 0xc0000080
        wrmsr
        mov eax, [ebp + 24]
        mov dr0, eax
        mov eax, [ebp + 28]
        mov dr1, eax
        mov eax, [ebp + 32]
        mov dr2, eax
        mov eax, [ebp + 36]
        mov dr3, eax
        mov ax, [ebp + 44]
        mov [table], ax
        mov eax, [ebp + 48]
        mov [table + 2], eax
        lgdt [table]
        mov ax, [ebp + 52]
        mov [table], ax
        mov eax, [ebp + 56]
        mov [table + 2], eax
        lidt [table]
        mov ax, [ebp + 60]
        lldt ax
        mov ax, [ebp + 64]
        test ax, ax
        jz no_task
        ltr ax
no_task:
        mov eax, [ebp + 16]
        mov cr4, eax
        mov eax, [ebp + 12]
        mov cr3, eax
        mov eax, [ebp + 40]
        mov dr7, eax
        mov eax, [frame + 60]
        mov [real_stack], eax
        mov eax, [frame + 64]
        mov [real_stack + 4], eax
        test dword [ebp + 4], 2
        jnz enter_real
        mov eax, [ebp + 8]
        mov cr0, eax
        mov esp, frame
        pop gs
        pop fs
        pop es
        test byte [frame + 52], 3
        jnz outer
        test dword [frame + 56], 0x20000
        jnz outer
        test dword [frame + 56], 0x190100
        jz by_jump
        pop ds
        popad
        lss esp, [cs:real_stack]
        push dword [cs:frame + 56]
        push dword [cs:frame + 52]
        push dword [cs:frame + 48]
        iretd
outer:  pop ds
        popad
        iretd
        ; Without TF, RF, VIF and VIP the case's own stack need not bear a frame.
by_jump:
        pop ds
        popad
        push dword [cs:frame + 56]
        popfd
        lss esp, [cs:real_stack]
        jmp far [cs:frame + 48]

enter_real:
        mov eax, [ebp + 8]
        jmp 0x28:real16 - B

; eax = what is left on the stack of the debug handler: nothing
on_debug:
        iretd
lost:   mov eax, 0x10
        mov ds, ax
        mov ss, ax
        mov al, '!'
        call put
        mov eax, [esp]
        call put_hex
        mov eax, [esp + 4]
        call put_hex
        mov eax, [esp + 8]
        call put_hex
        call put_line
        jmp done

; From a 32-bit gate: the stub has pushed the vector.
common32:
        push eax
        mov eax, ds
        push eax
        mov eax, 0x10
        mov ds, ax
        pop dword [s_ds]
        pop dword [s_eax]
        pop dword [s_vector]
        and dword [s_vector], 0xff
        mov dword [s_kind], 0
        jmp collect
; From a 16-bit gate.
after16:
        push eax
        mov eax, ds
        push eax
        mov eax, 0x10
        mov ds, ax
        pop dword [s_ds]
        pop dword [s_eax]
        pop word [s_vector]
        and dword [s_vector], 0xff
        mov dword [s_kind], 1
        jmp collect
task_entry:
        mov [s_eax], eax
        mov eax, ds
        mov [s_ds], eax
        mov dword [s_vector], 0x100
        mov dword [s_kind], 2
        jmp collect
task_entry2:
        mov [s_eax], eax
        mov eax, ds
        mov [s_ds], eax
        mov dword [s_vector], 0x101
        mov dword [s_kind], 2
collect:
        cld
        mov [s_ecx], ecx
        mov [s_edx], edx
        mov [s_ebx], ebx
        mov [s_esp], esp
        mov [s_ebp], ebp
        mov [s_esi], esi
        mov [s_edi], edi
        pushfd
        pop dword [s_flags]
        xor eax, eax
        mov ax, ss
        mov [s_ss], eax
        mov ax, es
        mov [s_es], eax
        mov ax, fs
        mov [s_fs], eax
        mov ax, gs
        mov [s_gs], eax
        mov ax, 0x10
        mov ss, ax
        mov esp, STACK
        sgdt [s_gdt]
        sidt [s_idt]
        mov eax, cr0
        mov [s_cr0], eax
collected:
        lidt [idtr]
        xor eax, eax
        sldt ax
        mov [s_ldtr], eax
        str ax
        mov [s_tr], eax
        mov eax, cr2
        mov [s_cr2], eax
        mov eax, cr3
        mov [s_cr3], eax
        mov eax, cr4
        mov [s_cr4], eax
        mov eax, dr6
        mov [s_dr6], eax
        mov eax, dr7
        mov [s_dr7], eax
        xor eax, eax
        mov dr7, eax
        mov ecx, 0xc0000080
        rdmsr
        mov [s_efer], eax
        ; back to a plain machine
        mov eax, 0x11
        mov cr0, eax
        xor eax, eax
        mov cr3, eax
        mov cr4, eax
        xor edx, edx
        mov ecx, 0xc0000080
        wrmsr
        lgdt [gdtr]
        jmp 8:plain
plain:  mov eax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        xor eax, eax
        lldt ax
        mov byte [gdt + 0x3d], 0x89
        mov ax, 0x38
        ltr ax
        push dword 2
        popfd
        ; Through virtual-8086 mode and back: the one way to clear VIF and VIP on every peer.
        xor eax, eax
        push eax
        push eax
        push eax
        push eax
        push dword ${hex(at.MONITOR >> 4)}
        push dword 0xe000
        push dword 0x23002
        push dword ${hex(at.MONITOR >> 4)}
        push dword from_v86 - B
        iretd
cleared:
        mov eax, 0x10
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov esp, STACK
        ; the limit and base of the tables, apart
        movzx eax, word [s_gdt]
        mov [s_gdtl], eax
        mov eax, [s_gdt + 2]
        mov [s_gdtb], eax
        movzx eax, word [s_idt]
        mov [s_idtl], eax
        mov eax, [s_idt + 2]
        mov [s_idtb], eax
        mov al, 'R'
        call put
        mov esi, s_kind
        mov ecx, ${at.FIELDS.length}
show:   mov eax, [esi]
        add esi, 4
        call put_hex
        loop show
        call put_line
        mov al, 'D'
        call put
        mov ecx, [words]
        mov esi, ${hex(at.SHADOW)}
        mov edi, ${hex(at.ARENA)}
        mov ebx, 200
differs:
        repe cmpsd
        je same
        lea eax, [edi - 4]
        call put_hex
        mov eax, [edi - 4]
        call put_hex
        dec ebx
        jz same
        test ecx, ecx
        jnz differs
same:   call put_line
        jmp next

done:   mov al, 'E'
        call put
        call put_line
        mov al, 0x10
        out 0xf4, al
stop:   cli
        hlt
        jmp stop

put:    out 0xe9, al
        ret
put_line:
        mov al, 10
        out 0xe9, al
        ret
; a blank and EAX without leading zeros; keeps all registers
put_hex:
        pushad
        mov ebx, eax
        mov al, ' '
        out 0xe9, al
        mov ecx, 8
skip:   rol ebx, 4
        test bl, 15
        jnz digit
        cmp ecx, 1
        je digit
        dec ecx
        jmp skip
digit:  mov al, bl
        and al, 15
        cmp al, 10
        sbb al, 0x69
        das
        out 0xe9, al
        rol ebx, 4
        loop digit
        popad
        ret

align 8
gdt:    dd 0, 0
        dd 0x0000ffff, 0x00cf9a00
        dd 0x0000ffff, 0x00cf9200
        dd 0, 0, 0, 0
        dd (B & 0xffff) << 16 | 0xffff, 0x00009a00 | B >> 16
        dd 0x0000ffff, 0x00009200
        dd (mon_tss & 0xffff) << 16 | 0x67, 0x00008900 | mon_tss >> 16
gdt_end:
gdtr:   dw gdt_end - gdt - 1
        dd gdt
idtr:   dw 0x7ff
        dd MON_IDT
align 4
mon_tss:
        times 26 dd 0
table:  times 2 dd 0
words:  dd 0
real_stack: dd 0, 0
frame:  times 21 dd 0
        dd 0
s_gdt:  dd 0, 0
s_idt:  dd 0, 0
${at.FIELDS.map((name) => `s_${FIELD_LABELS(name)}: dd 0`).join('\n')}
bits 16
from_v86:
        int 0x20
real16: mov bx, 0x30
        mov ds, bx
        mov es, bx
        mov ss, bx
        mov fs, bx
        mov gs, bx
        mov cr0, eax
        jmp ${hex(at.MONITOR >> 4)}:real_go - B
real_go:
        mov ax, ${hex(at.MONITOR >> 4)}
        mov ss, ax
        mov esp, frame - B
        o32 pop gs
        o32 pop fs
        o32 pop es
        o32 pop ds
        popad
        cs
        lss esp, [real_stack - B]
        push dword [cs:frame + 56 - B]
        push dword [cs:frame + 52 - B]
        push dword [cs:frame + 48 - B]
        iretd

common16:
        jmp dword 8:after16
common_real:
        pop word [cs:s_vector - B]
        and word [cs:s_vector - B], 0xff
        mov byte [cs:s_kind - B], 3
        mov [cs:s_eax - B], eax
        mov [cs:s_ecx - B], ecx
        mov [cs:s_edx - B], edx
        mov [cs:s_ebx - B], ebx
        mov [cs:s_esp - B], esp
        mov [cs:s_ebp - B], ebp
        mov [cs:s_esi - B], esi
        mov [cs:s_edi - B], edi
        xor eax, eax
        mov ax, ss
        mov [cs:s_ss - B], eax
        mov ax, ds
        mov [cs:s_ds - B], eax
        mov ax, es
        mov [cs:s_es - B], eax
        mov ax, fs
        mov [cs:s_fs - B], eax
        mov ax, gs
        mov [cs:s_gs - B], eax
        mov ax, ${hex(at.MONITOR >> 4)}
        mov ss, ax
        mov esp, 0xe000
        pushfd
        pop dword [cs:s_flags - B]
        cld
        cs
        o32 sgdt [s_gdt - B]
        cs
        o32 sidt [s_idt - B]
        cs
        o32 lgdt [gdtr - B]
        mov eax, cr0
        mov [cs:s_cr0 - B], eax
        mov eax, 0x11
        mov cr0, eax
        jmp dword 8:from_real
bits 32
from_real:
        mov eax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, STACK
        jmp collected

end_of_monitor:
`;

function FIELD_LABELS(name: string): string {
  return { gdtLimit: 'gdtl', gdtBase: 'gdtb', idtLimit: 'idtl', idtBase: 'idtb' }[name] ?? name;
}

export interface Monitor {
  /** MONITOR_SIZE bytes: what lies at MONITOR, the stubs included. */
  readonly bytes: Uint8Array;
  readonly taskEntry: number;
  readonly taskEntry2: number;
}

/** A table of 256 stubs of eight bytes: PUSH vector; JMP near. */
function writeStubs(bytes: Uint8Array, table: number, target: number, wide: boolean): void {
  for (let vector = 0; vector < 256; vector++) {
    const address = table + vector * 8;
    const distance = target - (address + (wide ? 7 : 5));
    const code = [0x6a, vector, 0xe9, distance & 0xff, (distance >> 8) & 0xff];
    if (wide) code.push((distance >> 16) & 0xff, (distance >> 24) & 0xff);
    bytes.set(code, address - at.MONITOR);
  }
}

export function buildMonitor(): Monitor {
  const { bytes: code, symbols } = assemble(SOURCE);
  const bytes = new Uint8Array(at.MONITOR_SIZE);
  if (code.length > at.STUBS32 - at.MONITOR) throw new Error('the monitor has grown into its stubs');
  bytes.set(code);
  const symbol = (name: string): number => {
    const value = symbols.get(name);
    if (value === undefined) throw new Error(`the monitor has no label ${name}`);
    return value;
  };
  writeStubs(bytes, at.STUBS32, symbol('common32'), true);
  writeStubs(bytes, at.STUBS16, symbol('common16'), false);
  writeStubs(bytes, at.STUBS_REAL, symbol('common_real'), false);
  return { bytes, taskEntry: symbol('task_entry'), taskEntry2: symbol('task_entry2') };
}

const ROM_STUB = `
bits 16
org 0
start:  cli
        cs
        o32 lgdt [gdtr]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 8:flat + 0xffff0000
bits 32
flat:   mov eax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        cld
        mov esi, SOURCE
        mov edi, ${hex(at.LOAD)}
        mov ecx, WORDS
        rep movsd
        mov eax, ${hex(at.LOAD + 0x20)}
        jmp eax
align 8
gdt:    dd 0, 0
        dd 0x0000ffff, 0x00cf9a00
        dd 0x0000ffff, 0x00cf9200
gdtr:   dw 23
        dd gdt + 0xffff0000
`;

const ROM_STUB_SIZE = 0x10000;

/** The image as a ROM that ends at 4 GiB and starts itself from the reset vector: no firmware. */
export function romOf(image: Uint8Array): Uint8Array {
  const used = image.length + ROM_STUB_SIZE;
  let size = 0x20000;
  while (size < used) size *= 2;
  const rom = new Uint8Array(size);
  rom.set(image);
  const source = ROM_STUB.replace('SOURCE', hex(-size)).replace('WORDS', String((image.length + 3) >> 2));
  rom.set(assemble(source).bytes, size - ROM_STUB_SIZE);
  rom.set([0xe9, 0x0d, 0x00], size - 16); // JMP to offset 0 of the segment
  return rom;
}
