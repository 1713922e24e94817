/**
 * A guest that does all there is to do with a disk: reads by words and double words, a block left for the other drive,
 * across the port, broken off by a reset; writes and reads back; by bus master, half of it from the image.
 */
import { assemble } from '../../src/core/isa/assemble.ts';
import { IDE_ISSUE, IDE_WAITS } from '../support/ide-source.ts';
import { numberedDisk } from './ide-driver.ts';

export const SOURCE = `bits 32
org 0x100000
header: dd 0x1badb002, 0x00010003, 0xe4514ffb, header, 0x100000, 0, 0, start
start:
  mov esp, 0x200000
  cld
  mov ebx, 5
  mov cl, 4
  call command
  mov ecx, 100
  call words
  ; the other drive has nothing ready
  mov al, 0xf0
  mov dx, 0x1f6
  out dx, al
  mov ecx, 3
  call words
  mov al, 0xe0
  mov dx, 0x1f6
  out dx, al
  mov ecx, 156
  call words
  call await
  ; across the port: the status is not in it, the data is
  mov dx, 0x1ee
  in eax, dx
  call sum
  mov ecx, 255
  call words
  call await
  ; by double words, in one go
  mov edi, 0x300000
  mov ecx, 128
  mov dx, 0x1f0
  rep insd
  call await
  mov ecx, 7
  call words
  ; broken off by a reset
  mov dx, 0x3f6
  mov al, 6
  out dx, al
  mov al, 0
  out dx, al
  call ready
  mov ecx, 3
  call words
  ; written and read back: that is in no image
  mov ebx, 9
  mov cl, 1
  mov al, 0x30
  call issue
  call await
  mov esi, start
  mov ecx, 256
  mov dx, 0x1f0
  rep outsw
  call ready
  mov ebx, 8
  mov cl, 3
  call command
  mov ecx, 256
  call words
  call await
  mov ecx, 256
  call words
  call await
  mov ecx, 256
  call words
  ; by bus master: sectors 8 to 19, half of which are in the image
  mov dword [table], 0x310000
  mov dword [table + 4], 0x80001800
  mov dx, 0xc004
  mov eax, table
  out dx, eax
  mov ebx, 8
  mov cl, 12
  mov al, 0xc8
  call issue
  mov dx, 0xc000
  mov al, 9
  out dx, al
  call ready
  mov esi, 0x310000
  mov ecx, 1536
again:
  lodsd
  call sum
  loop again
  mov eax, [total]
  mov ecx, 4
shown:
  out 0xe9, al
  shr eax, 8
  loop shown
  mov al, 1
  out 0xf4, al
command:
  mov al, 0x20
  call issue
  jmp await
${IDE_ISSUE}${IDE_WAITS}words:
  mov dx, 0x1f0
one:
  xor eax, eax
  in ax, dx
  call sum
  loop one
  ret
sum:
  add [total], eax
  rol dword [total], 3
  ret
align 8
table: dd 0, 0
total: dd 0
`;

export const kernel = assemble(SOURCE).bytes;
export const hda = numberedDisk(64);
