; A stale entry of a cache, read late: main puts the values of one key after the other into a cache. When the timer
; changes the value between main's reading it and its saying that the entry is good, the entry stays stale; it is read
; 10^9 ticks later. Fixed: main fills with interrupts off.
%include "races/races.inc"

KEYS            equ 400
quiet           equ DATA
current         equ DATA + 4            ; the key that main is at
values          equ DATA + 0x10000
entries         equ DATA + 0x20000
is_good         equ DATA + 0x30000

main:
        call race_start
        mov edi, values
        mov ecx, 0x10000
        xor eax, eax
        rep stosd
        xor ebx, ebx
key:
        mov [current], ebx
%ifdef FIXED
        cli
%endif
        mov eax, [values + ebx * 4]
        mov edx, eax
        shl edx, 1
        mov [entries + ebx * 4], edx
        mov dword [is_good + ebx * 4], 1
        sti
        mov ecx, 133
        call work
        inc ebx
        cmp ebx, KEYS
        jb key
        mov dword [quiet], 1
        mov eax, 146
        call wait_long
        xor ebx, ebx
look:
        cmp dword [is_good + ebx * 4], 0
        je next
        mov eax, [values + ebx * 4]
        shl eax, 1
        cmp eax, [entries + ebx * 4]
        jne fail
next:
        inc ebx
        cmp ebx, KEYS
        jb look
        ret

on_timer:
        push eax
        push ebx
        inc dword [timer_count]
        cmp dword [quiet], 0
        jne timer_done
        mov ebx, [current]
        inc dword [values + ebx * 4]
        mov dword [is_good + ebx * 4], 0
timer_done:
        end_of_interrupt
        pop ebx
        pop eax
        iretd
