; Sends back what it receives on the serial port, by interrupts, and ends at the end of a line that holds
; only "quit". It sleeps while there is nothing to do.
%include "common.inc"

LINE            equ FREE_MEMORY         ; the line so far
LINE_MAX        equ 255

main:
        mov eax, 0x24
        mov edx, on_serial
        call set_gate
        mov esi, text_ready
        call put_text
        mov eax, 0xffef
        call pic_start
        mov edx, COM1 + 1
        mov al, 1
        out dx, al
idle:
        sti
        hlt
        cli
        cmp dword [ended], 0
        je idle
        mov esi, text_bye
        call put_text
        ret

on_serial:
        push eax
        push ebx
        push edx
        push esi
receive:
        mov edx, COM1 + 5
        in al, dx
        test al, 1
        jz all_received
        mov edx, COM1
        in al, dx
        cmp al, 13
        jne echo_byte
        mov al, 10
echo_byte:
        call put_char
        mov ebx, [line_length]
        cmp al, 10
        je line_done
        cmp ebx, LINE_MAX
        je receive
        mov [LINE + ebx], al
        inc dword [line_length]
        jmp receive
line_done:
        mov dword [line_length], 0
        cmp ebx, 4
        jne receive
        cmp dword [LINE], "quit"
        jne receive
        mov dword [ended], 1
        jmp receive
all_received:
        mov al, 0x20
        out 0x20, al
        pop esi
        pop edx
        pop ebx
        pop eax
        iretd

line_length:    dd 0
ended:          dd 0
text_ready:     db "echo: type quit to end", 10, 0
text_bye:       db "bye", 10, 0
