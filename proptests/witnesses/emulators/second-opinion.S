# Guest of second-opinion.mjs: 137,000 short tests of the protection rules, one line each on port E9h, made to be run
# on two machines and compared. Multiboot, GNU as, no library. 128 descriptors with every type, DPL and presence are
# loaded, looked at, jumped to, called, returned to and used as gates, from level 0 and level 3.
# A line: operation, level, selector (or case) ":" vector, error code, EIP, CS, EFLAGS, ESP and SS of the frame if the
# level changed, ESP of the handler, EAX, EDX, DS:ES, SS, CS; for call gates the new stack. Vector 80h is success.
.intel_syntax noprefix
.section .mb,"a"
.align 4
.long 0x1BADB002, 0, -(0x1BADB002)
.text
.globl _start
_start:
  mov esp, offset stack0
  cld
  mov al, 0xff                  # no interrupts: tests set IF
  out 0x21, al
  out 0xa1, al
  # 16-bit gates reach their handlers below 64 KiB: copies that jump up
  mov edi, offset landing
  and edi, 0xffff
  mov dword ptr [edi], 0x00cafeb8
  mov dword ptr [edi+4], 0x9080cd00
  mov edi, offset stubs+0x40*16
  and edi, 0xffff
  mov byte ptr [edi], 0x68
  mov dword ptr [edi+1], 0x99990000
  mov byte ptr [edi+5], 0x68
  mov dword ptr [edi+6], 0x40
  mov byte ptr [edi+10], 0xb8
  mov dword ptr [edi+11], offset common
  mov word ptr [edi+15], 0xe0ff
  # build GDT: fixed 0..15, then 128 variety at 16..143
  mov edi, offset gdt+16*8
  xor ecx, ecx
1: # access = type(0..31) | dpl<<5 | p<<7 ; index bits: 0-4 type, 5 dpl, 6 present
  mov eax, ecx
  and eax, 31
  test ecx, 32
  jz 2f
  or eax, 0x60
2: test ecx, 64
  jz 3f
  or eax, 0x80
3: shl eax, 8
  or eax, 0x00cf0000
  mov dword ptr [edi], 0x0000ffff
  mov edx, eax
  and edx, 0x1c00
  cmp edx, 0x1400
  jne 4f
  mov dword ptr [edi], 0
  and eax, 0xff70ffff
4:
  mov [edi+4], eax
  add edi, 8
  inc ecx
  cmp ecx, 128
  jb 1b
  # IDT
  mov edi, offset idt
  mov esi, offset stubs
  xor ecx, ecx
1: mov eax, esi
  mov word ptr [edi], ax
  mov word ptr [edi+2], 8
  shr eax, 16
  mov word ptr [edi+6], ax
  mov word ptr [edi+4], 0x8e00
  add edi, 8
  add esi, 16
  inc ecx
  cmp ecx, 129
  jb 1b
  mov word ptr [idt+0x80*8+4], 0xee00
  # TSS descriptors
  mov eax, offset tss
  mov word ptr [gdt+5*8+2], ax
  shr eax, 16
  mov byte ptr [gdt+5*8+4], al
  mov byte ptr [gdt+5*8+7], ah
  mov eax, offset ldt
  mov word ptr [gdt+6*8+2], ax
  shr eax, 16
  mov byte ptr [gdt+6*8+4], al
  lgdt gdtr
  lidt idtr
  jmp 8:offset 1f
1: mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
  mov ax, 0x28
  ltr ax
  mov ax, 0x30
  lldt ax

  # ---- data driven selector tests: op 0..N, level 0,1
  mov dword ptr [level], 0
L_LVL:
  mov dword ptr [op], 0
L_OPS:
  mov dword ptr [sel], 0
L_SELS:
  mov eax, [op]
  cmp eax, 6
  je 8f
  cmp eax, 7
  jne 9f
8: mov eax, [sel]
  shr eax, 3
  mov eax, [gdt+eax*8+4]
  shr eax, 8
  and eax, 0x15
  cmp eax, 1
  je 7f
9:
  mov eax, [sel]
  call regen
  call dotest
7:
  mov eax, [sel]
  xor eax, 3
  mov [sel], eax
  test eax, 3
  jnz L_SELS
  add eax, 8
  mov [sel], eax
  cmp eax, 150*8
  jb L_SELS
  inc dword ptr [op]
  cmp dword ptr [op], 17
  jb L_OPS
  inc dword ptr [level]
  cmp dword ptr [level], 2
  jb L_LVL

  # ---- gates: IDT[0x40] with every type/dpl/p, selectors of a few targets, int 0x40 at both levels
  mov dword ptr [level], 0
L_GL:
  mov dword ptr [op], 100
  mov dword ptr [sel], 0
L_GS_:
  mov eax, [sel]
  mov ecx, eax
  and eax, 31
  cmp eax, 5
  je L_GSKIP
  test ecx, 32
  jz 2f
  or eax, 0x60
2: test ecx, 64
  jz 3f
  or eax, 0x80
3: shl eax, 8
  mov word ptr [idt+0x40*8+4], ax
  mov dword ptr [gsel], 0
L_GT:
  mov ax, [gsel]
  mov word ptr [idt+0x40*8+2], ax
  mov eax, [gsel]
  shl eax, 16
  or [sel], eax
  call regen
  call dotest
  and dword ptr [sel], 0xffff
  xor dword ptr [gsel], 1
  test dword ptr [gsel], 1
  jnz L_GT
  add dword ptr [gsel], 8
  cmp dword ptr [gsel], 150*8
  jb L_GT
L_GSKIP:
  inc dword ptr [sel]
  cmp dword ptr [sel], 128
  jb L_GS_
  inc dword ptr [level]
  cmp dword ptr [level], 2
  jb L_GL

  # ---- call gates at GDT slot 145 (0x488): every dpl/p, target selector, rpl, level, lcall/ljmp
  mov dword ptr [level], 0
L_CL:
  mov dword ptr [op], 101
L_CO:
  mov dword ptr [sel], 0
L_CS_:
  mov eax, [sel]      # bits 0 dpl,1 present,2 wide,3 rpl; 4.. param count bit
  mov edx, eax
  mov ecx, 0x0400
  test eax, 1
  jz 1f
  or ecx, 0x6000
1: test eax, 2
  jz 1f
  or ecx, 0x8000
1: test eax, 4
  jz 1f
  or ecx, 0x0800
1: test eax, 16
  jz 1f
  or ecx, 3
1: mov ebx, offset landing
  mov word ptr [gdt+145*8], bx
  shr ebx, 16
  shl ebx, 16
  or ecx, ebx
  mov [gatehigh], ecx
  mov dword ptr [gsel], 0
L_CT:
  call regen
  mov eax, [gatehigh]
  mov [gdt+145*8+4], eax
  mov ax, [gsel]
  mov word ptr [gdt+145*8+2], ax
  mov eax, [gsel]
  shl eax, 16
  or [sel], eax
  call dotest
  and dword ptr [sel], 0xffff
  xor dword ptr [gsel], 3
  test dword ptr [gsel], 3
  jnz L_CT
  add dword ptr [gsel], 8
  cmp dword ptr [gsel], 144*8
  jb L_CT
  inc dword ptr [sel]
  cmp dword ptr [sel], 32
  jb L_CS_
  inc dword ptr [op]
  cmp dword ptr [op], 103
  jb L_CO
  inc dword ptr [level]
  cmp dword ptr [level], 2
  jb L_CL

  # ---- retf/iret to every CS selector and SS selector, level 0 and 3; eflags variety
  mov dword ptr [level], 0
L_RL:
  mov dword ptr [op], 103
L_RO:
  mov dword ptr [sel], 0
L_RS:
  call regen
  call dotest
  mov eax, [sel]
  inc eax
  mov ecx, eax
  and ecx, 3
  cmp ecx, 3
  jne 1f
1: mov [sel], eax
  cmp eax, 150*8
  jb L_RS
  inc dword ptr [op]
  cmp dword ptr [op], 109
  jb L_RO
  inc dword ptr [level]
  cmp dword ptr [level], 2
  jb L_RL

  # ---- flags: iret/popf with flag patterns at iopl 0..3, level 0/3 : op 110..113
  mov dword ptr [level], 0
L_FL:
  mov dword ptr [op], 110
L_FO:
  mov dword ptr [sel], 0
L_FS_:
  call regen
  call dotest
  inc dword ptr [sel]
  cmp dword ptr [sel], 22*4*2
  jb L_FS_
  inc dword ptr [op]
  cmp dword ptr [op], 114
  jb L_FO
  inc dword ptr [level]
  cmp dword ptr [level], 2
  jb L_FL

  mov al, '.'
  out 0xe9, al
  mov al, 0
  out 0xf4, al
1: hlt
  jmp 1b

# restore descriptors that tests may have changed (busy/accessed bits)
regen:
  pushad
  mov edi, offset gdt+16*8
  mov ecx, 128
1: mov eax, [edi+4]
  test eax, 0x1000
  jz 2f
  # code/data: print nothing, clear accessed according to index
  mov ebx, 128
  sub ebx, ecx
  and ebx, 1
  and eax, 0xfffffeff
  shl ebx, 8
  or eax, ebx
  mov [edi+4], eax
  jmp 3f
2: mov ebx, 128
  sub ebx, ecx
  and ebx, 2
  shl ebx, 8
  and eax, 0xfffffdff
  or eax, ebx
  mov [edi+4], eax
3: add edi, 8
  dec ecx
  jnz 1b
  popad
  ret

# run one test; on return prints a line
dotest:
  mov [savedesp], esp
  mov ebx, [op]
  cmp ebx, 100
  jb 1f
  mov ecx, [ops2+ebx*4-400]
  jmp 2f
1: mov ecx, [ops+ebx*4]
2: mov esi, [sel]
  xor edx, edx
  mov dword ptr [farptr], offset landing
  mov word ptr [farptr+4], si
  cmp dword ptr [level], 0
  jne user
  push 2
  popfd
  jmp ecx
user:
  mov ax, 0x23
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  push 0x23
  push offset stack3
  push 2
  push 0x1b
  push ecx
  iretd
# success comes back here at any level, eax = result
done:
  int 0x80
landing:
  mov eax, 0xcafe
  int 0x80
  .balign 16

op_movds: mov ds, si
  mov eax, 1
  jmp done
op_movss: mov ss, si
  mov eax, 2
  jmp done
op_lar: mov eax, 0x55555555
  lar eax, esi
  pushfd
  pop edx
  jmp done
op_lsl: mov eax, 0x55555555
  lsl eax, esi
  pushfd
  pop edx
  jmp done
op_verr: xor eax, eax
  verr si
  setz al
  jmp done
op_verw: xor eax, eax
  verw si
  setz al
  jmp done
op_ljmp:
  jmp fword ptr [farptr]
op_lcall:
  call fword ptr [farptr]
op_lldt: lldt si
  mov eax, 3
  jmp done
op_lss: lss eax, [farptr]
  jmp done
op_popes: push esi
  pop es
  mov eax, esp
  jmp done
op_popss: push esi
  pop ss
  mov eax, esp
  jmp done
op_lar16: mov eax, 0x55555555
  lar ax, si
  pushfd
  pop edx
  jmp done
op_lsl16: mov eax, 0x55555555
  lsl ax, si
  pushfd
  pop edx
  jmp done
op_arpl: mov eax, esi
  mov edx, 2
  arpl ax, dx
  pushfd
  pop edx
  jmp done
op_readds: mov ds, si   # then read through it
  mov eax, ds:[0x100000]
  mov ebx, eax
  mov eax, 4
  jmp done
op_writeds: mov ds, si
  mov ds:[scratch], eax
  mov eax, 5
  jmp done

op_int: int 0x40
op_gcall: mov eax, [sel]
  push 0x77777777
  push 0x66666666
  push 0x55555555
  test eax, 8
  jnz 1f
  .byte 0x9a
  .long 0
  .word 145*8
1: .byte 0x9a
  .long 0
  .word 145*8+3
op_gjmp: mov eax, [sel]
  test eax, 8
  jnz 1f
  .byte 0xea
  .long 0
  .word 145*8
1: .byte 0xea
  .long 0
  .word 145*8+3
op_retf:
  push 0x23
  push offset stack3
  push esi
  push offset landing
  retf
op_iret:
  push 0x23
  push offset stack3
  push 2
  push esi
  push offset landing
  iretd
op_retss:
  push esi
  push offset stack3
  push 0x1b
  push offset landing
  retf
op_iretss:
  push esi
  push offset stack3
  push 2
  push 0x1b
  push offset landing
  iretd
op_retfi:
  push esi
  push offset stack3
  push 0x1b
  push offset landing
  retf 4
op_iretds:           # return to ring 3 with ds etc. = sel : which are nulled
  mov ds, si
  mov es, si
  push cs:[c23]
  push cs:[cstack3]
  push 2
  push cs:[c1b]
  push offset seesegs
  iretd
seesegs:
  mov eax, ds
  mov edx, es
  int 0x80
c23: .long 0x23
c1b: .long 0x1b
cstack3: .long stack3

# flag tests: sel = pattern index (0..21 bit) + 22*iopl + 88*inverted
flagval:
  mov eax, [sel]
  xor edx, edx
  mov ecx, 88
  div ecx
  mov ebx, eax     # inverted?
  mov eax, edx
  xor edx, edx
  mov ecx, 22
  div ecx          # eax = iopl, edx = bit
  mov [tiopl], eax
  mov ecx, edx
  mov edx, 1
  shl edx, cl
  test ebx, ebx
  jz 1f
  not edx
1: and edx, 0xffffbeff     # no NT, no TF
  and edx, 0xfffdffff      # no VM
  ret
op_popf: call flagval
  push edx
  popfd
  pushfd
  pop eax
  jmp done
op_popf16: call flagval
  push edx
  popfw
  add esp, 2
  pushfd
  pop eax
  jmp done
op_iretf: call flagval
  mov eax, [level]
  test eax, eax
  jnz 1f
  push 0x23
  push offset stack3
  mov eax, [tiopl]
  shl eax, 12
  or edx, eax
  push edx
  push 0x1b
  push offset 2f
  iretd
1: push edx
  push 0x1b
  push offset 2f
  iretd
2: pushfd
  pop eax
  mov ebx, eax
  # and now at ring 3 with that iopl: popf of everything
  push 0x3c0ed5
  popfd
  pushfd
  pop edx
  int 0x80
op_clisti: call flagval
  mov eax, [level]
  test eax, eax
  jnz 1f
  push 0x23
  push offset stack3
  mov eax, [tiopl]
  shl eax, 12
  or eax, 0x202
  push eax
  push 0x1b
  push offset 2f
  iretd
1:
2: cli
  pushfd
  pop eax
  sti
  pushfd
  pop edx
  int 0x80

  .balign 16
stubs:
.set i,0
.rept 129
  .balign 16
  .if (i==8)||((i>=10)&&(i<=14))||(i==17)
  .else
  push 0x99990000
  .endif
  push i
  jmp common
  .set i,i+1
.endr

common:
  pushad
  mov cx, ss:[esp+28]
  mov bx, 0x10
  mov ebp, ds
  shl ebp, 16
  mov edi, es
  and edi, 0xffff
  or ebp, edi
  mov ds, bx
  mov es, bx
  mov fs, bx
  mov gs, bx
  cld
  # stack: edi esi ebp esp ebx edx ecx eax vec err eip cs eflags [esp ss]
  mov eax, [op]
  call hex8
  mov eax, [level]
  call hex8
  mov eax, [sel]
  call hex8
  mov al, ':'
  out 0xe9, al
  mov eax, [esp+32]
  call hex8
  mov eax, [esp+36]
  call hex8
  mov eax, [esp+40]
  call hex8
  mov eax, [esp+44]
  and eax, 0xffff
  call hex8
  mov eax, [esp+48]
  call hex8
  mov ecx, [esp+44]
  test ecx, 3
  jz 1f
  mov eax, [esp+52]
  call hex8
  mov eax, [esp+56]
  and eax, 0xffff
  call hex8
1: mov eax, esp
  call hex8
  mov eax, [esp+28]   # eax
  call hex8
  mov eax, [esp+20]   # edx
  call hex8
  mov eax, ebp
  call hex8
  mov eax, ss
  call hex8
  mov eax, cs
  call hex8
  cmp dword ptr [op], 101   # for call gates show the stack frame
  jne 2f
  cmp dword ptr [esp+32], 0x80
  jne 2f
  mov edx, [esp+52]
  mov ecx, [esp+44]
  test ecx, 3
  jnz 2f
  lea edx, [esp+52]
  mov ecx, 7
3: mov eax, [edx]
  call hex8
  add edx, 4
  dec ecx
  jnz 3b
2:
  mov al, 10
  out 0xe9, al
  mov ax, 0x10
  mov ss, ax
  mov esp, [savedesp]
  push 2
  popfd
  mov ax, 0x30
  lldt ax
  ret

hex8:
  push ecx
  push edx
  mov edx, eax
  mov ecx, 8
1: rol edx, 4
  mov eax, edx
  and eax, 15
  cmp al, 10
  jb 2f
  add al, 39
2: add al, 48
  out 0xe9, al
  dec ecx
  jnz 1b
  mov al, ' '
  out 0xe9, al
  pop edx
  pop ecx
  ret

.data
.balign 8
gdt:
 .quad 0
 .quad 0x00cf9b000000ffff
 .quad 0x00cf93000000ffff
 .quad 0x00cffb000000ffff
 .quad 0x00cff3000000ffff
 .quad 0x0000890000000067
 .quad 0x000082000000003f
 .rept 9
 .quad 0
 .endr
 .rept 128
 .quad 0
 .endr
 .quad 0
 .quad 0
gdtend:
ldt: .rept 8
 .quad 0
 .endr
gdtr: .word gdtend-gdt-1
 .long gdt
idtr: .word 129*8-1
 .long idt
.balign 8
idt: .space 129*8
.balign 8
tss: .long 0
 .long tssstack
 .long 0x10
 .space 0x66-12
 .word 0x68
 .space 64
op: .long 0
level: .long 0
sel: .long 0
gsel: .long 0
gatehigh: .long 0
tiopl: .long 0
savedesp: .long 0
scratch: .long 0
farptr: .space 8
ops: .long op_movds, op_movss, op_lar, op_lsl, op_verr, op_verw, op_ljmp, op_lcall, op_lldt, op_lss
 .long op_popes, op_popss, op_lar16, op_lsl16, op_arpl, op_readds, op_writeds
.set NOPS, (. - ops)/4
ops2: .long op_int, op_gcall, op_gjmp, op_retf, op_iret, op_retss, op_iretss
 .long op_retfi, op_iretds, 0, op_popf, op_popf16, op_iretf, op_clisti
.bss
.space 4096
stack0: .space 64
.space 4096
tssstack: .space 64
.space 4096
stack3: .space 64
