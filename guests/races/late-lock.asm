; A lock that is missed late: main locks one object after the other and works on it; when the timer calls that off in
; the meantime it leaves without unlocking. The lock is wanted again 10^8 ticks later. Fixed: it unlocks on both ways.
%include "races/races.inc"

OBJECTS         equ 300
called_off      equ DATA
quiet           equ DATA + 4
locks           equ DATA + 0x1000

main:
        call race_start
        xor ebx, ebx
object:
        mov dword [called_off], 0
        mov dword [locks + ebx * 4], 1
        mov ecx, 10
        call work
        cmp dword [called_off], 0
        jne left
        mov dword [locks + ebx * 4], 0
left:
%ifdef FIXED
        mov dword [locks + ebx * 4], 0
%endif
        mov ecx, 142
        call work
        inc ebx
        cmp ebx, OBJECTS
        jb object
        mov dword [quiet], 1
        mov eax, 15
        call wait_long
        xor ebx, ebx
look:
        cmp dword [locks + ebx * 4], 0
        jne fail
        inc ebx
        cmp ebx, OBJECTS
        jb look
        ret

on_timer:
        push eax
        inc dword [timer_count]
        mov dword [called_off], 1
        end_of_interrupt
        pop eax
        iretd
