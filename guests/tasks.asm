; Test: the processor's own task switches. JMP and CALL to a TSS, IRET with NT, task gates for an
; interrupt and for an exception, busy bits, back links, and the faults that switches end in.
%include "common.inc"

MAIN_TASK       equ 0x18
OTHER_TASK      equ 0x20
GATE_TASK       equ 0x28                ; behind the task gates
ABSENT_TASK     equ 0x30
SHORT_TASK      equ 0x38                ; its limit is one byte too small

TSS_MAIN        equ 0x280000
TSS_OTHER       equ 0x281000
TSS_GATE        equ 0x282000
STACK_OTHER     equ 0x290000
STACK_GATE      equ 0x298000

; Offsets in a 32-bit TSS.
T_LINK          equ 0
T_ESP0          equ 4
T_SS0           equ 8
T_CR3           equ 28
T_EIP           equ 32
T_EFLAGS        equ 36
T_EAX           equ 40
T_EBX           equ 52
T_ESP           equ 56
T_ES            equ 72
T_CS            equ 76
T_SS            equ 80
T_DS            equ 84
T_FS            equ 88
T_GS            equ 92
T_BITMAP        equ 102

main:
        mov eax, 10
        mov edx, on_bad_tss
        call set_gate
        mov eax, 11
        mov edx, on_not_present
        call set_gate
        mov eax, 13
        mov edx, on_protection
        call set_gate
        ; Descriptors.
        mov ecx, 103
        mov ebx, MAIN_TASK
        mov edx, TSS_MAIN
        call make_descriptor
        mov ebx, OTHER_TASK
        mov edx, TSS_OTHER
        call make_descriptor
        mov ebx, GATE_TASK
        mov edx, TSS_GATE
        call make_descriptor
        mov ebx, ABSENT_TASK
        call make_descriptor
        mov byte [gdt + ABSENT_TASK + 5], 0x09
        mov ecx, 102
        mov ebx, SHORT_TASK
        call make_descriptor
        ; Task states.
        mov edi, TSS_MAIN
        mov ecx, 0x3000 / 4
        xor eax, eax
        rep stosd
        mov ebx, TSS_OTHER
        mov eax, other
        mov edx, STACK_OTHER
        call make_state
        mov ebx, TSS_GATE
        mov eax, gate_handler
        mov edx, STACK_GATE
        call make_state
        mov dword [TSS_OTHER + T_EBX], 0xb0b0b0b0
        ; Vectors 0x31 and 6 (#UD) are task gates.
        mov dword [IDT + 0x31 * 8], GATE_TASK << 16
        mov dword [IDT + 0x31 * 8 + 4], 0x8500
        mov dword [IDT + 6 * 8], GATE_TASK << 16
        mov dword [IDT + 6 * 8 + 4], 0x8500
        mov eax, MAIN_TASK
        ltr ax
        mov al, [gdt + MAIN_TASK + 5]
        and eax, 2
        shr eax, 1
        mov esi, text_ltr
        call check

        ; JMP: the other task runs, this one is free; it jumps back with everything as it was.
        mov dword [order], 0
        mov ebx, 0x12345678
        mov edi, esp
        stc
        jmp OTHER_TASK:0
back_from_jump:
        setc al
        cmp ebx, 0x12345678
        sete ah
        and al, ah
        cmp edi, esp
        sete ah
        and al, ah
        movzx eax, al
        mov esi, text_registers
        call check
        xor eax, eax
        cmp dword [other_saw], 0xb0b0b0b0
        sete al
        mov esi, text_loaded
        call check
        mov eax, [busy_in_other]
        cmp eax, 0x8b89             ; other busy, main not
        sete al
        movzx eax, al
        mov esi, text_busy_jump
        call check
        mov ecx, cr0
        shr ecx, 3
        and ecx, 1
        mov eax, ecx
        mov esi, text_ts
        call check
        clts
        mov esi, text_eip
        xor eax, eax
        cmp dword [TSS_OTHER + T_EIP], after_jump_back
        sete al
        call check

        ; CALL: nested, both busy, back by IRET.
        call OTHER_TASK:0
        mov eax, [busy_in_other]
        cmp eax, 0x8b8b
        sete al
        mov edx, [flags_in_other]
        shr edx, 14
        and al, dl
        cmp word [TSS_OTHER + T_LINK], MAIN_TASK
        sete ah
        and al, ah
        movzx eax, al
        mov esi, text_nested
        call check
        mov al, [gdt + OTHER_TASK + 5]
        cmp al, 0x89
        sete al
        pushfd
        pop edx
        test edx, 0x4000
        setz ah
        and al, ah
        movzx eax, al
        mov esi, text_returned
        call check

        ; An interrupt through a task gate.
        mov dword [order], 0
        int 0x31
        xor eax, eax
        cmp dword [order], 1
        sete al
        mov esi, text_gate
        call check

        ; An exception through a task gate: the handler moves this task's EIP.
        mov dword [skip], 2
        ud2
        mov dword [skip], 0
        xor eax, eax
        cmp dword [order], 2
        sete al
        mov esi, text_exception
        call check

        ; Faults of the switch itself, raised in this task.
        mov dword [resume], resume_busy
        jmp MAIN_TASK:0                 ; busy: it runs
resume_busy:
        mov edx, 13
        mov ecx, MAIN_TASK
        mov esi, text_busy_fault
        call check_fault
        mov dword [resume], resume_absent
        jmp ABSENT_TASK:0
resume_absent:
        mov edx, 11
        mov ecx, ABSENT_TASK
        mov esi, text_absent
        call check_fault
        mov dword [resume], resume_short
        jmp SHORT_TASK:0
resume_short:
        mov edx, 10
        mov ecx, SHORT_TASK
        mov esi, text_short
        call check_fault
        str ax
        cmp ax, MAIN_TASK
        sete al
        movzx eax, al
        mov esi, text_still
        call check
        jmp finish

; The vector of the last fault was EDX, its error code ECX.
check_fault:
        xor eax, eax
        cmp [fault_vector], edx
        jne check_fault_say
        cmp [fault_error], ecx
        jne check_fault_say
        inc eax
check_fault_say:
        jmp check

; A TSS descriptor at EBX: base EDX, limit ECX.
make_descriptor:
        mov [gdt + ebx], cx
        mov [gdt + ebx + 2], dx
        mov eax, edx
        shr eax, 16
        mov [gdt + ebx + 4], al
        mov byte [gdt + ebx + 5], 0x89
        mov byte [gdt + ebx + 6], 0
        mov [gdt + ebx + 7], ah
        ret

; A task state at EBX that starts at EAX with the stack EDX.
make_state:
        mov [ebx + T_EIP], eax
        mov dword [ebx + T_EFLAGS], 2
        mov [ebx + T_ESP], edx
        mov dword [ebx + T_CS], CODE_SELECTOR
        mov dword [ebx + T_SS], DATA_SELECTOR
        mov dword [ebx + T_DS], DATA_SELECTOR
        mov dword [ebx + T_ES], DATA_SELECTOR
        mov dword [ebx + T_FS], DATA_SELECTOR
        mov dword [ebx + T_GS], DATA_SELECTOR
        mov word [ebx + T_BITMAP], 104
        ret

; What the other task does, once a switch.
other:
        mov [other_saw], ebx
        call note_busy
        jmp MAIN_TASK:0
after_jump_back:
        call note_busy
        pushfd
        pop dword [flags_in_other]
        iretd
        jmp after_jump_back

; Type bytes of the two descriptors: other in the high byte, main in the low one.
note_busy:
        mov ah, [gdt + OTHER_TASK + 5]
        mov al, [gdt + MAIN_TASK + 5]
        movzx eax, ax
        mov [busy_in_other], eax
        ret

; The task behind the gates: counts, and moves the interrupted task's EIP by skip.
gate_handler:
        inc dword [order]
        mov eax, [skip]
        add [TSS_MAIN + T_EIP], eax
        iretd
        jmp gate_handler

; #TS, #NP and #GP: note vector and error code, go on at resume.
on_bad_tss:
        mov dword [fault_vector], 10
        jmp on_fault
on_not_present:
        mov dword [fault_vector], 11
        jmp on_fault
on_protection:
        mov dword [fault_vector], 13
on_fault:
        push eax
        mov eax, [esp + 4]
        mov [fault_error], eax
        mov eax, [resume]
        mov [esp + 8], eax
        pop eax
        add esp, 4
        iretd

order:          dd 0
other_saw:      dd 0
busy_in_other:  dd 0
flags_in_other: dd 0
skip:           dd 0
resume:         dd 0
fault_vector:   dd 0
fault_error:    dd 0

text_ltr:       db "LTR marks the task busy", 0
text_registers: db "registers survive a jump to a task and back", 0
text_loaded:    db "a task starts with the registers in its TSS", 0
text_busy_jump: db "JMP moves the busy bit", 0
text_ts:        db "CR0.TS is set by a switch", 0
text_eip:       db "the task left has its EIP saved", 0
text_nested:    db "CALL nests: both busy, NT set, linked", 0
text_returned:  db "IRET returns: not busy, NT clear", 0
text_gate:      db "an interrupt through a task gate", 0
text_exception: db "an exception through a task gate", 0
text_busy_fault: db "#GP for a busy task", 0
text_absent:    db "#NP for an absent task", 0
text_short:     db "#TS for a short TSS", 0
text_still:     db "TR is as before", 0
