; Benchmark: timer interrupts: the 8254 interrupts at about 10 kHz while the processor works or halts. The count
; is the number of interrupts; default 3000. How much work is between them depends on the emulator's clock.
%include "common.inc"
%include "report.inc"

main:
        mov eax, 3000
        call read_count
        mov [wanted], eax
        mov eax, 0x20
        mov edx, on_timer
        call set_gate
        mov eax, 0xfffe                 ; line 0 alone
        call pic_start
        mov eax, 119
        call pit_start
        call go
        sti
.wait:
        hlt
        mov eax, [seen]
        cmp eax, [wanted]
        jb .wait
        cli
        mov eax, [wanted]
        mov esi, text
        jmp done
on_timer:
        push eax
        inc dword [seen]
        mov al, 0x20
        out 0x20, al
        pop eax
        iretd
wanted: dd 0
seen:   dd 0
text:   db "timer: ", 0
