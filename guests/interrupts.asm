; Test: interrupts and exceptions. The timer, masking, the shadow of STI, POPF, priorities of the 8259s,
; the RTC through the cascade, the UART in loopback, and the exceptions that instructions raise.
%include "common.inc"

IRQ0_BIT        equ 1

main:
        mov eax, 0x20
        mov edx, on_timer
        call set_gate
        mov eax, 0x24
        mov edx, on_serial
        call set_gate
        mov eax, 0x28
        mov edx, on_rtc
        call set_gate
        xor eax, eax
        mov edx, on_divide
        call set_gate
        mov eax, 3
        mov edx, on_breakpoint
        call set_gate
        mov eax, 4
        mov edx, on_trap
        call set_gate
        mov eax, 5
        mov edx, on_bound
        call set_gate
        mov eax, 6
        mov edx, on_bad_opcode
        call set_gate
        mov eax, 0x2d           ; free for INT: line 13 stays masked
        mov edx, on_interrupt_gate
        call set_gate
        mov eax, 0x2e
        mov edx, on_interrupt_gate
        call set_gate
        mov byte [IDT + 0x2e * 8 + 5], 0x8f     ; a trap gate

        mov eax, 0xfffe         ; only the timer
        call pic_start
        mov eax, 11932          ; 10 ms
        call pit_start

        ; The timer wakes HLT.
        sti
wait_timer:
        hlt
        cmp dword [ticks], 10
        jb wait_timer
        cli
        mov esi, text_timer
        mov eax, 1
        call check

        ; Masked: the request waits in the IRR.
        mov al, 0xff
        out 0x21, al
        sti
        mov ebx, [ticks]
        call wait_request
        xor eax, eax
        cmp ebx, [ticks]
        sete al
        cli
        mov esi, text_masked
        call check

        ; STI delays by one instruction: STI, CLI lets nothing in.
        mov al, 0xfe
        out 0x21, al
        sti
        cli
        xor eax, eax
        cmp ebx, [ticks]
        sete al
        mov esi, text_shadow
        call check

        ; POPF does not.
        pushfd
        or dword [esp], 0x200
        popfd
        mov ecx, [ticks]
        cli
        sub ecx, ebx
        xor eax, eax
        cmp ecx, 1
        sete al
        mov esi, text_popf
        call check

        ; The RTC's periodic interrupt comes through the cascade.
        mov al, 0x8a
        out 0x70, al
        mov al, 0x26            ; 1024 Hz
        out 0x71, al
        mov al, 0x8b
        out 0x70, al
        mov al, 0x42            ; periodic interrupt, 24 hours
        out 0x71, al
        call read_rtc_c
        mov al, 0xfa            ; timer and cascade
        out 0x21, al
        mov al, 0xfe            ; RTC
        out 0xa1, al
        sti
wait_rtc:
        hlt
        cmp dword [rtc_count], 5
        jb wait_rtc
        cli
        mov esi, text_rtc
        mov eax, 1
        call check

        ; While the timer is in service the RTC waits, whatever IF says.
        mov dword [hold], 1
        mov ebx, [ticks]
        sti
wait_hold:
        cmp [ticks], ebx
        je wait_hold
        nop
        nop
        cli
        mov eax, [held_back]
        mov esi, text_priority
        call check
        xor eax, eax
        cmp dword [after_eoi], 0
        setne al
        mov esi, text_after_eoi
        call check
        mov al, 0x8b
        out 0x70, al
        mov al, 0x02
        out 0x71, al
        call read_rtc_c

        ; The UART in loopback receives what it sends.
        mov al, 0xef            ; only line 4
        out 0x21, al
        mov edx, COM1 + 4
        mov al, 0x1b
        out dx, al
        mov edx, COM1 + 1
        mov al, 1
        out dx, al
        mov edx, COM1
        mov al, 0x5a
        out dx, al
        sti
wait_serial:
        cmp dword [received], 0
        je wait_serial
        cli
        mov edx, COM1 + 1
        xor eax, eax
        out dx, al
        mov edx, COM1 + 4
        mov al, 0x0b
        out dx, al
        xor eax, eax
        cmp dword [received], 0x15a
        sete al
        mov esi, text_loopback
        call check

        ; Exceptions.
        xor ecx, ecx
        mov eax, 1
        xor edx, edx
divide_here:
        div ecx
        xor eax, eax
        cmp dword [divide_eip], divide_here
        sete al
        mov esi, text_divide
        call check

        int3
breakpoint_after:
        xor eax, eax
        cmp dword [breakpoint_eip], breakpoint_after
        sete al
        mov esi, text_breakpoint
        call check

        mov al, 0x7f
        add al, 1
        into
        mov al, 1
        add al, 1
        into                    ; not taken
        xor eax, eax
        cmp dword [traps], 1
        sete al
        mov esi, text_into
        call check

        mov eax, 5
        bound eax, [bounds]
        mov eax, 11
        bound eax, [bounds]
        xor eax, eax
        cmp dword [bound_count], 1
        sete al
        mov esi, text_bound
        call check

        ud2
        xor eax, eax
        cmp dword [bad_opcodes], 1
        sete al
        mov esi, text_bad_opcode
        call check

        ; An interrupt gate clears IF, a trap gate leaves it; both come back with it as it was.
        mov al, 0xff
        out 0x21, al
        out 0xa1, al
        sti
        int 0x2d
        mov ebx, [gate_flags]
        int 0x2e
        mov ecx, [gate_flags]
        pushfd
        pop eax
        cli
        not ebx
        and eax, ebx
        and eax, ecx
        shr eax, 9
        and eax, 1
        mov esi, text_gates
        call check
        jmp finish

; Waits until the timer's request is in the IRR.
wait_request:
        mov al, 0x0a
        out 0x20, al
wait_request_again:
        in al, 0x20
        test al, IRQ0_BIT
        jz wait_request_again
        ret

read_rtc_c:
        mov al, 0x8c
        out 0x70, al
        in al, 0x71
        ret

on_timer:
        push eax
        inc dword [ticks]
        cmp dword [hold], 0
        je timer_eoi
        ; Not acknowledged yet: wait until the RTC asks, with interrupts open.
        mov dword [hold], 0
        push ebx
        mov ebx, [rtc_count]
        sti
        mov al, 0x0a
        out 0xa0, al
timer_wait_rtc:
        in al, 0xa0
        test al, 1
        jz timer_wait_rtc
        nop
        nop
        xor eax, eax
        cmp ebx, [rtc_count]
        sete al
        mov [held_back], eax
        mov al, 0x20
        out 0x20, al
        mov eax, 1000           ; a real 8259 takes its time
timer_wait_eoi:
        cmp ebx, [rtc_count]
        jne timer_after_eoi
        dec eax
        jnz timer_wait_eoi
timer_after_eoi:
        cli
        mov eax, [rtc_count]
        sub eax, ebx
        mov [after_eoi], eax
        pop ebx
        pop eax
        iretd
timer_eoi:
        mov al, 0x20
        out 0x20, al
        pop eax
        iretd

on_rtc:
        push eax
        inc dword [rtc_count]
        call read_rtc_c
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
        pop eax
        iretd

on_serial:
        push eax
        push edx
        mov edx, COM1
        xor eax, eax
        in al, dx
        or eax, 0x100
        mov [received], eax
        mov al, 0x20
        out 0x20, al
        pop edx
        pop eax
        iretd

on_divide:
        push dword [esp]
        pop dword [divide_eip]
        add dword [esp], 2
        iretd
on_breakpoint:
        push dword [esp]
        pop dword [breakpoint_eip]
        iretd
on_trap:
        inc dword [traps]
        iretd
on_bound:
        inc dword [bound_count]
        add dword [esp], 6      ; BOUND r32, [disp32]
        iretd
on_bad_opcode:
        inc dword [bad_opcodes]
        add dword [esp], 2
        iretd
on_interrupt_gate:
        pushfd
        pop dword [gate_flags]
        iretd

ticks:          dd 0
hold:           dd 0
held_back:      dd 0
after_eoi:      dd 0
rtc_count:      dd 0
received:       dd 0
divide_eip:     dd 0
breakpoint_eip: dd 0
traps:          dd 0
bound_count:    dd 0
bad_opcodes:    dd 0
gate_flags:     dd 0
bounds:         dd 0, 10

text_timer:     db "ten timer interrupts wake HLT", 0
text_masked:    db "a masked request waits", 0
text_shadow:    db "STI then CLI lets nothing in", 0
text_popf:      db "POPF opens at once", 0
text_rtc:       db "five periodic RTC interrupts through the cascade", 0
text_priority:  db "the RTC waits while the timer is in service", 0
text_after_eoi: db "and comes after its EOI", 0
text_loopback:  db "UART loopback interrupt", 0
text_divide:    db "#DE points at DIV", 0
text_breakpoint: db "#BP points behind INT3", 0
text_into:      db "INTO traps on OF alone", 0
text_bound:     db "#BR outside of the bounds", 0
text_bad_opcode: db "#UD at UD2", 0
text_gates:     db "interrupt gate clears IF, trap gate does not", 0
