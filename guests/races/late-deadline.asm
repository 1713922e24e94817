; A deadline that never comes: main gives each of its jobs a deadline, from a clock of 64 bits that the timer advances
; and main reads in two halves. A clock that wraps between them gives a deadline far in the future; the job is missed
; 10^8 ticks later. Fixed: the high half is read again until it stays the same.
%include "races/races.inc"

JOBS            equ 2500
STEP            equ 0x7fffffff
clock           equ DATA
quiet           equ DATA + 8
deadlines       equ DATA + 0x1000       ; high halves

main:
        call race_start
        xor ebx, ebx
job:
%ifdef FIXED
again:
        mov edx, [clock + 4]
        mov eax, [clock]
        cmp edx, [clock + 4]
        jne again
%else
        mov eax, [clock]
        mov ecx, ebx
        shl ecx, 2
        add ecx, deadlines
        mov edx, [clock + 4]
%endif
        add eax, 0x1000
        adc edx, 0
        mov [deadlines + ebx * 4], edx
        mov ecx, 20
        call work
        inc ebx
        cmp ebx, JOBS
        jb job
        mov dword [quiet], 1
        mov eax, 20
        call wait_long
        ; No deadline lies behind the one of a later job.
        xor ebx, ebx
look:
        mov eax, [deadlines + ebx * 4]
        inc ebx
        cmp ebx, JOBS
        jae done
        cmp eax, [deadlines + ebx * 4]
        ja fail
        jmp look
done:
        ret

on_timer:
        push eax
        inc dword [timer_count]
        cmp dword [quiet], 0
        jne timer_done
        add dword [clock], STEP
        adc dword [clock + 4], 0
timer_done:
        end_of_interrupt
        pop eax
        iretd
