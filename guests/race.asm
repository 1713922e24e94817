; The demo: a small preemptive kernel with a bug that shows once in a while.
;
; Two tasks keep one balance. The clerk works through standing orders; the teller sleeps until a customer
; arrives, which is a byte on the serial port, and is then woken at once. The timer switches between the
; two as well. A deposit loads the balance, adds and stores it: several instructions that nobody protects.
; When a byte comes while the clerk has loaded and not yet stored, the teller's deposit is lost; when the
; timer strikes while the teller is that far, the clerk's are. Each task also keeps a ledger of its own,
; and the clerk audits: when balance and ledgers differ, it says so and ends the machine with EXIT_FAIL.
;
; Without input nothing can go wrong. With a dozen bytes at random moments about one run in fifteen fails.
%include "common.inc"

ROUNDS          equ 2048                ; of the clerk; about 1200 instructions each
REPORT_ROUNDS   equ 256
AUDIT_ROUNDS    equ 16
WORK            equ 230                 ; turns of the clerk's other work in a round
TIMER_DIVISOR   equ 119                 ; 0.1 ms

; What changes lies apart from the code.
DATA            equ FREE_MEMORY
balance         equ DATA
clerk_ledger    equ DATA + 4
teller_ledger   equ DATA + 8
teller_busy     equ DATA + 12           ; between taking a customer and writing the ledger
round           equ DATA + 16
timer_count     equ DATA + 20
current         equ DATA + 24           ; task number: 0 clerk, 1 teller
task_esp        equ DATA + 28           ; stack pointer of the task that does not run
queue_head      equ DATA + 36           ; where the next customer goes
queue_tail      equ DATA + 40           ; the customer to be served next
queue           equ DATA + 0x100
QUEUE_SIZE      equ 256

TELLER_STACK    equ 0x240000

YIELD           equ 0x30

main:
        mov edi, DATA
        mov ecx, 0x80
        xor eax, eax
        rep stosd
        mov eax, 0x20
        mov edx, on_timer
        call set_gate
        mov eax, 0x24
        mov edx, on_serial
        call set_gate
        mov eax, YIELD
        mov edx, on_yield
        call set_gate
        ; The teller starts as if it had been interrupted at its first instruction.
        mov edi, TELLER_STACK - 4
        mov dword [edi], 0x202
        mov dword [edi - 4], CODE_SELECTOR
        mov dword [edi - 8], teller
        lea eax, [edi - 8 - 32]
        mov [task_esp + 4], eax
        mov esi, text_start
        call put_text
        mov eax, 0xffee         ; timer and first serial port
        call pic_start
        mov eax, TIMER_DIVISOR
        call pit_start
        mov edx, COM1 + 1
        mov al, 1
        out dx, al
        sti

; --------------------------------------------------------------------------------------------- tasks

clerk:
        ; A standing order of 1 to 8.
        mov ebx, [round]
        imul ebx, ebx, 5
        and ebx, 7
        inc ebx
        call deposit
        add [clerk_ledger], ebx
        ; Other work.
        mov eax, ebx
        mov ecx, WORK
clerk_work:
        imul eax, eax, 1664525
        add eax, 1013904223
        xor eax, ecx
        dec ecx
        jnz clerk_work
        inc dword [round]
        mov eax, [round]
        test eax, AUDIT_ROUNDS - 1
        jnz clerk
        call audit
        test eax, REPORT_ROUNDS - 1
        jnz clerk
        call report
        cmp eax, ROUNDS
        jb clerk
        ; The last customers.
clerk_wait:
        int YIELD
        mov eax, [queue_head]
        cmp eax, [queue_tail]
        jne clerk_wait
        cmp dword [teller_busy], 0
        jne clerk_wait
        cli
        call audit
        mov esi, text_pass
        call put_text
        mov al, EXIT_PASS
        jmp exit

teller:
        mov eax, [queue_tail]
        cmp eax, [queue_head]
        jne teller_serve
        int YIELD
        jmp teller
teller_serve:
        mov dword [teller_busy], 1
        movzx ebx, byte [queue + eax]
        inc eax
        and eax, QUEUE_SIZE - 1
        mov [queue_tail], eax
        and ebx, 15             ; the digit is the amount
        call deposit
        add [teller_ledger], ebx
        mov dword [teller_busy], 0
        jmp teller

; Adds EBX to the balance. This is the bug: nothing keeps the other task out between load and store.
deposit:
        mov eax, [balance]
        add eax, ebx
        mov edx, eax
        shr edx, 31             ; overflow would be a case for the manager
        jnz deposit_overflow
        mov [balance], eax
deposit_overflow:
        ret

; Compares the balance with the ledgers, unless the teller is in the middle of a deposit. Keeps all registers.
audit:
        pushfd
        cli
        push eax
        cmp dword [teller_busy], 0
        jne audit_later
        mov eax, [clerk_ledger]
        add eax, [teller_ledger]
        cmp eax, [balance]
        jne audit_wrong
audit_later:
        pop eax
        popfd
        ret
audit_wrong:
        mov esi, text_lost
        call put_text
        mov eax, [balance]
        call put_decimal
        mov esi, text_clerk
        call put_text
        mov eax, [clerk_ledger]
        call put_decimal
        mov esi, text_teller
        call put_text
        mov eax, [teller_ledger]
        call put_decimal
        mov esi, text_round
        call put_text
        mov eax, [round]
        call put_decimal
        mov esi, text_timer
        call put_text
        mov eax, [timer_count]
        call put_decimal
        call put_newline
        mov al, EXIT_FAIL
        jmp exit

; "round 256: balance 1152" by the clerk, interrupts open. Keeps all registers.
report:
        push eax
        push esi
        mov esi, text_report
        call put_text
        call put_decimal
        mov esi, text_balance
        call put_text
        mov eax, [balance]
        call put_decimal
        call put_newline
        pop esi
        pop eax
        ret

; ------------------------------------------------------------------------------------------- kernel

on_timer:
        pushad
        inc dword [timer_count]
        mov al, 0x20
        out 0x20, al
        jmp switch_task

on_yield:
        pushad
; All registers of the task that ran are on its stack: go on with the other one.
switch_task:
        mov eax, [current]
        mov [task_esp + eax * 4], esp
        xor eax, 1
        mov [current], eax
        mov esp, [task_esp + eax * 4]
        popad
        iretd

; Customers go into the queue; the teller is woken unless it is running.
on_serial:
        pushad
on_serial_next:
        mov edx, COM1 + 5
        in al, dx
        test al, 1
        jz on_serial_done
        mov edx, COM1
        in al, dx
        mov ebx, [queue_head]
        mov [queue + ebx], al
        inc ebx
        and ebx, QUEUE_SIZE - 1
        mov [queue_head], ebx
        jmp on_serial_next
on_serial_done:
        mov al, 0x20
        out 0x20, al
        cmp dword [current], 0
        je switch_task
        popad
        iretd

text_start:     db "clerk and teller share one balance", 10, 0
text_report:    db "round ", 0
text_balance:   db ": balance ", 0
text_pass:      db "every deposit is accounted for", 10, 0
text_lost:     db "LOST UPDATE: balance ", 0
text_clerk:     db ", ledgers: clerk ", 0
text_teller:    db " + teller ", 0
text_round:     db "; found in round ", 0
text_timer:     db ", timer interrupt ", 0
