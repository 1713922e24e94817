; Benchmark: system calls: a program in ring 3 calls the kernel through an interrupt gate, which returns. The count
; is the number of thousands of calls; default 1500, about 14 k instructions each.
%include "common.inc"
%include "report.inc"
USER_CODE       equ 0x18 | 3
USER_DATA       equ 0x20 | 3
TASK_STATE      equ 0x28
KERNEL_STACK    equ 0x280000
USER_STACK      equ 0x290000
TSS             equ 0x2a0000

main:
        mov eax, 1500
        call read_count
        imul eax, eax, 1000
        mov ebp, eax
        mov eax, 0x30
        mov edx, on_call
        call set_gate
        mov byte [IDT + 0x30 * 8 + 5], 0xee     ; DPL 3
        mov dword [gdt + 0x18], 0x0000ffff
        mov dword [gdt + 0x1c], 0x00cffa00
        mov dword [gdt + 0x20], 0x0000ffff
        mov dword [gdt + 0x24], 0x00cff200
        mov dword [gdt + 0x28], (TSS & 0xffff) << 16 | 103
        mov dword [gdt + 0x2c], TSS & 0xff000000 | 0x8900 | (TSS >> 16 & 0xff)
        mov edi, TSS
        mov ecx, 26
        xor eax, eax
        rep stosd
        mov dword [TSS + 4], KERNEL_STACK
        mov dword [TSS + 8], DATA_SELECTOR
        mov eax, TASK_STATE
        ltr ax
        call go
        push dword USER_DATA
        push dword USER_STACK
        push dword 2
        push dword USER_CODE
        push dword user
        iretd

user:
        mov eax, USER_DATA
        mov ds, ax
        mov es, ax
        xor ebx, ebx
.call:
        mov eax, 1                      ; add ebp, mix
        int 0x30
        dec ebp
        jnz .call
        mov eax, 0                      ; end
        int 0x30
        jmp user

on_call:
        cmp eax, 1
        jne .end
        add ebx, ebp
        rol ebx, 3
        iretd
.end:
        mov eax, DATA_SELECTOR
        mov ds, ax
        mov es, ax
        mov eax, ebx
        mov esi, text
        call done
        mov al, EXIT_PASS
        jmp exit
text:   db "rings: ", 0
