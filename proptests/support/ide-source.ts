/**
 * Subroutines for guests that drive the disk of the primary channel themselves (ATA command block, 28-bit LBA), in the
 * assembler's language. A driver for tests that write to the ports themselves is disk/ide-driver.ts.
 */

/** Command AL for CL sectors from sector EBX (24 bits) of the first drive; EDX is changed. */
export const IDE_ISSUE = `issue:
  push eax
  mov dx, 0x1f6
  mov al, 0xe0
  out dx, al
  mov dx, 0x1f2
  mov al, cl
  out dx, al
  inc edx
  mov eax, ebx
  out dx, al
  inc edx
  shr eax, 8
  out dx, al
  inc edx
  shr eax, 8
  out dx, al
  pop eax
  mov dx, 0x1f7
  out dx, al
  ret
`;

/** `await` returns when data can be moved, `ready` when the drive is not busy; AL and EDX are changed. */
export const IDE_WAITS = `await:
  mov dx, 0x3f6
waiting:
  in al, dx
  and al, 0x88
  cmp al, 0x08
  jne waiting
  ret
ready:
  mov dx, 0x3f6
busy:
  in al, dx
  test al, 0x80
  jnz busy
  ret
`;
