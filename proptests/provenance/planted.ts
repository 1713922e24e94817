/**
 * Guests in which values travel ways that are known: each ends at a label, where the value lies in EAX. What they read
 * from outside is chosen by the recording.
 */
import { assemble } from '../../src/core/isa/assemble.ts';
import type { Position } from '../../src/core/timeline/lookout.ts';
import { finish, type Timeline } from '../../src/core/timeline/timeline.ts';
import { openLog, record, type RecordSettings } from '../../src/library.ts';
import { type Chain, follow } from '../../src/core/timeline/provenance/chain.ts';
import { Origins } from '../../src/core/timeline/provenance/origin.ts';
import { registerBytes } from '../../src/core/timeline/provenance/place.ts';
import { flatGuest } from '../support/flat-guest.ts';
import { IDE_ISSUE } from '../support/ide-source.ts';
import { timelineOf } from '../timeline/fixture.ts';

export interface Planted {
  readonly timeline: Timeline;
  readonly symbols: ReadonlyMap<string, number>;
  /** Before the instruction at a label, the last time that it ran. */
  readonly at: (label: string) => Position;
  /** Where EAX came from there. */
  readonly chainAt: (label: string, via?: readonly number[]) => Chain;
}

export async function planted(source: string, settings: Partial<RecordSettings> = {}): Promise<Planted> {
  const { bytes: kernel, symbols } = assemble(source);
  const recording = await record({
    memoryMegabytes: 4,
    maxTicks: 2_000_000,
    ...settings,
    images: { ...settings.images, kernel },
  });
  const images = new Map<string, Uint8Array>([['kernel', kernel]]);
  for (const [role, bytes] of Object.entries(settings.images?.drives ?? {})) {
    if (bytes instanceof Uint8Array) images.set(role, bytes);
  }
  const timeline = timelineOf({ name: 'planted', log: openLog(recording.log), images });
  const at = (label: string): Position => {
    const address = symbols.get(label);
    if (address === undefined) throw new Error(`the guest has no label ${label}`);
    finish(timeline.seek({ tick: timeline.endTick, seq: 0 }));
    const hit = finish(timeline.executionBefore([{ id: 1, address, condition: null }]));
    if (hit === null) throw new Error(`${label} was never reached`);
    return hit.position;
  };
  const origins = new Origins(timeline);
  const chainAt = (label: string, via: readonly number[] = []): Chain => {
    const question = { name: 'eax', places: [registerBytes(0, 4)], position: at(label), value: null };
    return finish(follow(origins, question, { via }));
  };
  return { timeline, symbols, at, chainAt };
}

/** Ways inside the processor and its memory, a serial byte, a scan code, clocks. */
export const WAYS = flatGuest(
  `  mov ax, 16
  mov es, ax
  cld
  ; a serial byte, once it is there
  mov edx, 0x3fd
wait_serial:
  in al, dx
  test al, 1
  jz wait_serial
  mov edx, 0x3f8
  in al, dx
  mov [received], al
  ; a scan code
wait_key:
  in al, 0x64
  test al, 1
  jz wait_key
  in al, 0x60
  mov [struck], al
  ; memcpy by double words, read back from the middle, across two of them
  mov dword [buffer], 0
  mov al, [received]
  mov [buffer + 7], al
  mov dword [buffer + 8], 0x44434241
  mov esi, buffer
  mov edi, buffer + 0x100
  mov ecx, 4
  rep movsd
  movzx eax, byte [buffer + 0x107]
check_memcpy:
  nop
  ; by bytes, read as a double word
  mov esi, picked
  mov edi, buffer + 0x200
  mov ecx, 4
by_bytes:
  mov al, [esi]
  mov [edi], al
  inc esi
  inc edi
  dec ecx
  jnz by_bytes
  mov eax, [buffer + 0x200]
check_bytes:
  nop
  ; the stack, and a call with an argument
  movzx eax, byte [struck]
  push eax
  call pass
check_stack:
  nop
  add esp, 4
  pushad
  popad
check_all:
  nop
  ; XOR with a constant, and back
  movzx eax, byte [received]
  xor eax, 0x5a5a5a5a
  mov ebx, eax
  xor eax, eax
  xchg eax, ebx
  ror eax, 8
check_xor:
  nop
  ; a table, by the byte
  movzx ecx, byte [received]
  and ecx, 15
  mov eax, [table + ecx * 4]
check_table:
  nop
  mov al, [received]
  and al, 15
  mov ebx, letters
  xlatb
  movzx eax, al
check_xlat:
  nop
  ; SSE and MMX registers
  mov eax, cr4
  or eax, 0x200
  mov cr4, eax
  movd xmm1, [received]
  movaps xmm2, xmm1
  movdqu [buffer + 0x300], xmm2
  movq mm3, [buffer + 0x300]
  movd eax, mm3
check_sse:
  nop
  emms
  ; an immediate through a loop that adds
  mov eax, 7
  mov ecx, 20
adding:
  add eax, 3
  dec ecx
  jnz adding
check_loop:
  nop
  ; clocks
  rdtsc
  mov [buffer + 0x400], eax
  mov eax, [buffer + 0x400]
check_tsc:
  nop
  mov al, 0
  out 0x43, al
  in al, 0x40
  mov ah, al
  movzx eax, ah
check_pit:
  nop
  ; a byte of a word that others are in, added to and taken from again, as a string of words is copied
  mov al, [received]
  mov [buffer + 0x600], al
  mov al, [struck]
  mov [buffer + 0x601], al
  mov ecx, [buffer + 0x600]
  mov ebx, 0xfefefeff
  add ecx, ebx
  mov edx, ecx
  sub edx, ebx
  and edx, 0x7f7f7f7f
  mov [buffer + 0x700], dl
  movzx eax, byte [buffer + 0x700]
check_lowest:
  nop
  ; and the one above, of which bits alone are turned
  mov edx, [buffer + 0x600]
  not edx
  mov [buffer + 0x700], dh
  movzx eax, byte [buffer + 0x700]
check_masked:
  nop
  ; what the image has, with an immediate added and taken away
  mov ecx, [constant]
  mov ebx, 0xfefefeff
  add ecx, ebx
  mov edx, ecx
  sub edx, ebx
  movzx eax, dl
check_added:
  nop
  ; two inputs: a fork
  movzx eax, byte [received]
  movzx edx, byte [struck]
  add eax, edx
check_fork:
  nop
  ; a compare and exchange, conditional moves
  mov eax, 5
  mov ebx, [constant]
  mov dword [buffer + 0x500], 5
  cmpxchg [buffer + 0x500], ebx
  mov edx, 9
  cmp eax, 5
  cmove edx, [buffer + 0x500]
  mov eax, edx
check_exchange:
  nop
  ; an interrupt in between, with the value on the stack of the handler
  mov eax, [struck]
  int 0x21
check_interrupt:
  nop
  mov al, 1
  out 0xf4, al
pass:
  push ebp
  mov ebp, esp
  mov ecx, [ebp + 8]
  mov [ebp - 4], ecx
  mov eax, [ebp - 4]
  leave
  ret
handler:
  pushad
  mov eax, 0x1234
  popad
  iretd
`,
  `picked: db 1, 2, 3, 4
table: dd 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115
letters: db 'abcdefghijklmnop'
constant: dd 77
received equ 0x200000
struck equ 0x200010
buffer equ 0x201000
idt: times 0x21 dd 0, 0
  dd 0x00080000 + handler - 0x100000, 0x00108e00
`,
  0x110,
);

/** A sector by the data port and another by bus master, copied on. */
export const DISK = flatGuest(
  `  mov ax, 16
  mov es, ax
  cld
  mov ebx, 3
  mov cl, 1
  mov al, 0x20
  call issue
  call ready
  mov edi, 0x300000
  mov ecx, 128
  mov dx, 0x1f0
  rep insd
  mov esi, 0x300000 + 36
  mov edi, 0x320000
  mov ecx, 8
  rep movsb
  mov eax, [0x320000]
check_port:
  nop
  mov dword [prd], 0x310000
  mov dword [prd + 4], 0x80000400
  mov dx, 0xc004
  mov eax, prd
  out dx, eax
  mov ebx, 8
  mov cl, 2
  mov al, 0xc8
  call issue
  mov dx, 0xc000
  mov al, 9
  out dx, al
  call ready
  mov eax, [0x310000 + 0x208]
  push eax
  xor eax, eax
  pop eax
check_dma:
  nop
  mov al, 1
  out 0xf4, al
${IDE_ISSUE}ready:
  mov dx, 0x3f6
  mov ecx, 4000
settle:
  dec ecx
  jnz settle
waiting:
  in al, dx
  test al, 0x80
  jnz waiting
  ret
`,
  'align 16\nprd: dd 0, 0\n',
);

/**
 * Two programs of their own address spaces, both of which have their page at 400000h, and a pipe in the kernel: the one
 * receives a byte and writes it, the other reads it.
 */
export const PIPE = `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:
  mov esp, 0x90000
  cld
  lgdt [gdtr]
  lidt [idtr]
  jmp 8:inside
inside:
  mov ax, 16
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov ax, 0x28
  ltr ax
  ; the first 4 MiB lie where they are, for everybody
  mov edi, 0x302000
  mov eax, 7
  mov ecx, 1024
tables:
  stosd
  add eax, 0x1000
  loop tables
  mov dword [0x300000], 0x302007
  mov dword [0x301000], 0x302007
  mov dword [0x300004], 0x303007
  mov dword [0x301004], 0x304007
  mov dword [0x303000], 0x310007
  mov dword [0x304000], 0x311007
  mov eax, 0x300000
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  ; the reader begins as if it had been left
  mov esp, 0x84000
  push 0x23
  push 0x93000
  push 0x3002
  push 0x1b
  push reader
  pushad
  mov [reader_esp], esp
  mov dword [tss + 4], 0x82000
  push 0x23
  push 0x92000
  push 0x3002
  push 0x1b
  push writer
  iretd
writer:
  mov ax, 0x23
  mov ds, ax
  mov es, ax
  mov edx, 0x3fd
await:
  in al, dx
  test al, 1
  jz await
  mov edx, 0x3f8
  in al, dx
  mov [0x400006], al
  mov eax, 1
  mov ebx, 0x400004
  mov ecx, 4
  int 0x30
reader:
  mov ax, 0x23
  mov ds, ax
  mov es, ax
  mov eax, 2
  mov ebx, 0x400100
  mov ecx, 4
  int 0x30
  movzx eax, byte [0x400102]
check_pipe:
  nop
  mov al, 1
  out 0xf4, al
handler:
  pushad
  cmp eax, 1
  jne reading
  mov esi, ebx
  mov edi, pipe
  rep movsb
  mov [writer_esp], esp
  mov dword [tss + 4], 0x84000
  mov eax, 0x301000
  mov cr3, eax
  mov esp, [reader_esp]
  popad
  iretd
reading:
  mov esi, pipe
  mov edi, ebx
  rep movsb
  popad
  iretd
align 8
gdt: dd 0, 0, 0x0000ffff, 0x00cf9b00, 0x0000ffff, 0x00cf9300, 0x0000ffff, 0x00cffb00, 0x0000ffff, 0x00cff300
  dd 0x00000067 + (tss - 0x100000) * 0x10000, 0x00008910
gdtr: dw 47
  dd gdt
idtr: dw 0x187
  dd idt
reader_esp: dd 0
writer_esp: dd 0
pipe: times 16 db 0
align 16
tss: dd 0, 0x82000, 0x10
  times 23 dd 0
idt: times 0x30 dd 0, 0
  dd 0x00080000 + handler - 0x100000, 0x0010ee00
`;
