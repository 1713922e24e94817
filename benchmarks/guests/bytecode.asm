; Benchmark: an interpreter of byte code with computed jumps: every instruction ends in an indirect jump
; through a table. The program computes collatz lengths. The count is the number of runs; default 15,
; about 1.5 M instructions each.
%include "common.inc"
%include "report.inc"

; EBX: program counter; EAX: accumulator; ECX, EDX, EBP: registers of the machine.
main:
        mov eax, 15
        call read_count
        mov [runs], eax
        call go
        xor ebp, ebp
.run:
        mov ecx, 1500                   ; numbers from here down
        mov ebx, program
        call dispatch
        dec dword [runs]
        jnz .run
        mov eax, ebp
        mov esi, text
        jmp done

dispatch:
        movzx esi, byte [ebx]
        inc ebx
        jmp [table + esi * 4]
op_load:                                ; accumulator = counter
        mov eax, ecx
        movzx esi, byte [ebx]
        inc ebx
        jmp [table + esi * 4]
op_step:                                ; one step of the sequence
        test eax, 1
        jz .even
        lea eax, [eax + eax * 2 + 1]
        jmp .next
.even:
        shr eax, 1
.next:
        movzx esi, byte [ebx]
        inc ebx
        jmp [table + esi * 4]
op_count:
        inc ebp
        movzx esi, byte [ebx]
        inc ebx
        jmp [table + esi * 4]
op_unless_one:                          ; back by the byte that follows unless the accumulator is 1
        movzx edx, byte [ebx]
        inc ebx
        cmp eax, 1
        je .next
        sub ebx, edx
.next:
        movzx esi, byte [ebx]
        inc ebx
        jmp [table + esi * 4]
op_loop:                                ; back unless the counter becomes 0
        movzx edx, byte [ebx]
        inc ebx
        dec ecx
        jz .next
        sub ebx, edx
.next:
        movzx esi, byte [ebx]
        inc ebx
        jmp [table + esi * 4]
op_mix:
        rol ebp, 1
        xor ebp, ecx
        movzx esi, byte [ebx]
        inc ebx
        jmp [table + esi * 4]
op_end:
        ret

align 4
table:  dd op_load, op_step, op_count, op_unless_one, op_loop, op_mix, op_end
program:
        db 0                            ; load
        db 1, 2, 3, 4                   ; step, count, unless one: back to step
        db 5                            ; mix
        db 4, 8                         ; loop: back to load
        db 6
runs:   dd 0
text:   db "bytecode: ", 0
