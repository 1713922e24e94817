; Test: privilege. A program in ring 3 makes system calls through an interrupt gate, a call gate and
; SYSENTER, and tries what it must not: each attempt is a #GP with the right error code.
%include "common.inc"

; Segments in the free entries of the GDT; SYSEXIT wants user code and data right after the kernel's.
USER_CODE       equ 0x18 | 3
USER_DATA       equ 0x20 | 3
TASK_STATE      equ 0x28
CALL_GATE       equ 0x30 | 3

KERNEL_STACK    equ 0x280000
USER_STACK      equ 0x290000
TSS             equ 0x2a0000
; The I/O permission bitmap lies behind the 104 bytes of the TSS and covers ports up to 0xff.
BITMAP          equ TSS + 104
BITMAP_SIZE     equ 32
OPEN_PORT       equ 0x80

; System calls: number in EAX, argument in ESI.
SYS_CHECK       equ 0                   ; check EBX, text at ESI
SYS_FINISH      equ 1

main:
        mov eax, 13
        mov edx, on_protection
        call set_gate
        mov eax, 0x30
        mov edx, on_system_call
        call set_gate
        mov byte [IDT + 0x30 * 8 + 5], 0xee     ; DPL 3
        ; GDT.
        mov dword [gdt + 0x18], 0x0000ffff
        mov dword [gdt + 0x1c], 0x00cffa00
        mov dword [gdt + 0x20], 0x0000ffff
        mov dword [gdt + 0x24], 0x00cff200
        mov dword [gdt + 0x28], (TSS & 0xffff) << 16 | (104 + BITMAP_SIZE)
        mov dword [gdt + 0x2c], TSS & 0xff000000 | 0x8900 | (TSS >> 16 & 0xff)
        mov eax, on_call_gate
        mov edx, eax
        and eax, 0xffff
        or eax, CODE_SELECTOR << 16
        and edx, 0xffff0000
        or edx, 0xec01                          ; 32-bit call gate, DPL 3, one parameter
        mov [gdt + 0x30], eax
        mov [gdt + 0x34], edx
        ; TSS: the stack of ring 0 and the bitmap, all ports closed but one.
        mov edi, TSS
        mov ecx, 26
        xor eax, eax
        rep stosd
        mov ecx, BITMAP_SIZE + 1
        mov al, 0xff
        rep stosb
        mov dword [TSS + 4], KERNEL_STACK
        mov dword [TSS + 8], DATA_SELECTOR
        mov word [TSS + 102], 104
        mov byte [BITMAP + OPEN_PORT / 8], 0xfe
        mov eax, TASK_STATE
        ltr ax
        ; SYSENTER.
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
        ; Down to ring 3, interrupts off, IOPL 0.
        push dword USER_DATA
        push dword USER_STACK
        push dword 2
        push dword USER_CODE
        push dword user
        iretd

; ------------------------------------------------------------------------------------------- ring 3

user:
        mov eax, USER_DATA
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov eax, cs
        xor ebx, ebx
        cmp eax, USER_CODE
        sete bl
        mov esi, text_ring
        call user_check

        mov ebp, resume_cli
        mov edi, 0
        call arm
try_cli:
        cli
resume_cli:
        mov esi, text_cli
        mov edx, try_cli
        call user_check_fault

        mov ebp, resume_hlt
        mov edi, 0
        call arm
try_hlt:
        hlt
resume_hlt:
        mov esi, text_hlt
        mov edx, try_hlt
        call user_check_fault

        mov ebp, resume_in
        mov edi, 0
        call arm
try_in:
        in al, 0x60
resume_in:
        mov esi, text_in
        mov edx, try_in
        call user_check_fault

        call arm
        mov al, 1
        out OPEN_PORT, al
        xor ebx, ebx
        cmp dword [protections], 0
        sete bl
        mov esi, text_out
        call user_check

        mov ebp, resume_wide
        mov edi, 0
        call arm
        mov edx, OPEN_PORT
try_wide:
        out dx, ax                      ; also touches the closed port above
resume_wide:
        mov esi, text_wide
        mov edx, try_wide
        call user_check_fault

        mov ebp, resume_cr
        mov edi, 0
        call arm
try_cr:
        mov eax, cr0
resume_cr:
        mov esi, text_cr
        mov edx, try_cr
        call user_check_fault

        mov ebp, resume_segment
        mov edi, DATA_SELECTOR
        call arm
        mov eax, DATA_SELECTOR
try_segment:
        mov gs, ax
resume_segment:
        mov esi, text_segment
        mov edx, try_segment
        call user_check_fault

        mov ebp, resume_int
        mov edi, 0x20 * 8 + 2
        call arm
try_int:
        int 0x20                        ; its gate has DPL 0
resume_int:
        mov esi, text_int
        mov edx, try_int
        call user_check_fault

        mov ebp, resume_far
        mov edi, CODE_SELECTOR
        call arm
try_far:
        jmp CODE_SELECTOR:resume_far
resume_far:
        mov esi, text_far
        mov edx, try_far
        call user_check_fault

        ; POPF changes neither IF nor IOPL, silently.
        pushfd
        or dword [esp], 0x3200
        popfd
        pushfd
        pop eax
        xor ebx, ebx
        test eax, 0x3200
        setz bl
        mov esi, text_popf
        call user_check

        ; Through the call gate and back, the parameter taken from this stack.
        mov ecx, esp
        push dword 0x1234
        call CALL_GATE:0
        xor ebx, ebx
        cmp eax, 0x12340000 | CODE_SELECTOR
        jne gate_checked
        cmp esp, ecx
        jne gate_checked
        inc ebx
gate_checked:
        mov esi, text_gate
        call user_check

        ; SYSENTER and SYSEXIT.
        mov ecx, esp
        mov edx, sysenter_back
        xor eax, eax
        sysenter
sysenter_back:
        mov ebx, cs
        cmp ebx, USER_CODE
        jne sysenter_checked
        cmp eax, CODE_SELECTOR
sysenter_checked:
        sete bl
        movzx ebx, bl
        mov esi, text_sysenter
        call user_check

        mov eax, SYS_FINISH
        int 0x30

; The next #GP goes on at EBP; its error code is to be EDI.
arm:
        mov dword [protections], 0
        mov [resume], ebp
        mov [wanted_error], edi
        ret
; There was one #GP, at EDX, with the error code wanted.
user_check_fault:
        xor ebx, ebx
        cmp dword [protections], 1
        jne user_check
        cmp [fault_eip], edx
        jne user_check
        mov eax, [wanted_error]
        cmp [fault_error], eax
        jne user_check
        inc ebx
user_check:
        mov eax, SYS_CHECK
        int 0x30
        ret

; ------------------------------------------------------------------------------------------- ring 0

on_system_call:
        cmp eax, SYS_FINISH
        je finish
        push ds
        push eax
        mov eax, DATA_SELECTOR
        mov ds, ax
        mov eax, ebx
        call check
        pop eax
        pop ds
        iretd

on_protection:
        push eax
        mov eax, [esp + 4]
        mov [fault_error], eax
        mov eax, [esp + 8]
        mov [fault_eip], eax
        inc dword [protections]
        mov eax, [resume]
        mov [esp + 8], eax
        pop eax
        add esp, 4
        iretd

; Gives the parameter in the high half of EAX, CS in the low one.
on_call_gate:
        mov eax, [esp + 8]
        shl eax, 16
        mov ax, cs
        retf 4

on_sysenter:
        mov eax, cs
        sysexit

protections:    dd 0
resume:         dd 0
wanted_error:   dd 0
fault_error:    dd 0
fault_eip:      dd 0

text_ring:      db "IRET leads to ring 3", 0
text_cli:       db "CLI is protected", 0
text_hlt:       db "HLT is protected", 0
text_in:        db "IN from a closed port", 0
text_out:       db "OUT to an open port", 0
text_wide:      db "OUT that reaches a closed port", 0
text_cr:        db "MOV from CR0 is protected", 0
text_segment:   db "a segment of ring 0 is refused", 0
text_int:       db "INT through a gate of ring 0 is refused", 0
text_far:       db "a jump into ring 0 is refused", 0
text_popf:      db "POPF leaves IF and IOPL", 0
text_gate:      db "call gate with a parameter", 0
text_sysenter:  db "SYSENTER and SYSEXIT", 0
