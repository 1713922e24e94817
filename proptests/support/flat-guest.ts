/**
 * Source of a small multiboot guest for tests: 32-bit code at 1 MiB with a flat descriptor table and stack, DS and SS
 * loaded. What the guest does is its body; what it needs besides (handlers, tables) follows in `data`.
 */

/** Selectors 8 for code, 10h for data. `idt`: a table at that label of so many bytes is loaded. */
export function flatGuest(body: string, data = '', idtBytes = 0): string {
  const idt = idtBytes === 0 ? '' : `idtr: dw ${idtBytes - 1}\n  dd idt\n`;
  return `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:
  mov esp, 0x90000
  lgdt [gdtr]
  jmp 8:inside
inside:
  mov ax, 16
  mov ds, ax
  mov ss, ax
${idtBytes === 0 ? '' : '  lidt [idtr]\n'}${body}
align 8
gdt: dd 0, 0, 0x0000ffff, 0x00cf9b00, 0x0000ffff, 0x00cf9300
gdtr: dw 23
  dd gdt
${idt}${data}
`;
}

/** Pages of 4 MB from now on, by the directory at a physical address. Uses EAX. */
export const turnOnPaging = (directory: number): string => `  mov eax, cr4
  or eax, 0x10
  mov cr4, eax
  mov eax, ${directory}
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
`;

/** Sets up the first 8259, vectors from 20h, and opens the lines whose bits of `mask` are 0. */
export const setUpPic = (mask: number): string => `  mov al, 0x11
  out 0x20, al
  mov al, 0x20
  out 0x21, al
  mov al, 4
  out 0x21, al
  mov al, 1
  out 0x21, al
  mov al, ${mask}
  out 0x21, al
`;
