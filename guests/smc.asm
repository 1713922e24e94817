; Test: code that changes. Immediates and opcodes patched in loops, the very next instruction, code laid
; over a page boundary and written anew, a string instruction that overwrites what follows it, data beside
; code, and code changed through another address of its page.
%include "common.inc"

BUFFER          equ 0x280ff4            ; twelve bytes before the end of a page
DIRECTORY       equ 0x300000
TABLE           equ 0x301000
ALIAS           equ 0x40000000          ; one page: that of `patched`

main:
        ; An immediate, a thousand times.
        xor ebx, ebx
        mov ecx, 1000
patch_loop:
        mov [patch_immediate + 1], ecx
patch_immediate:
        mov eax, 0
        add ebx, eax
        loop patch_loop
        xor eax, eax
        cmp ebx, 500500
        sete al
        mov esi, text_immediate
        call check

        ; The next instruction, inside of one straight piece of code: INC ECX becomes DEC ECX and back.
        xor ecx, ecx
        mov ebx, 6
next_loop:
        mov al, 0x49
        mov [next_here], al
next_here:
        inc ecx                         ; runs as DEC
        mov al, 0x41
        mov [next_again], al
next_again:
        dec ecx                         ; runs as INC
        inc ecx
        dec ebx
        jnz next_loop
        xor eax, eax
        cmp ecx, 6
        sete al
        mov esi, text_next
        call check

        ; A function over a page boundary, written anew for every number: mov eax, n ; add eax, n ; ret.
        xor ebx, ebx
        mov ecx, 256
build:
        mov edi, BUFFER
        mov al, 0xb8
        stosb
        mov eax, ecx
        stosd
        mov al, 0x05
        stosb
        mov eax, ecx
        stosd
        ; Rows of NOP of changing length push the RET over the boundary and back.
        mov edx, ecx
        and edx, 3
        push ecx
        mov ecx, edx
        mov al, 0x90
        rep stosb
        pop ecx
        mov al, 0xc3
        stosb
        mov eax, BUFFER
        call eax
        add ebx, eax
        loop build
        xor eax, eax
        cmp ebx, 256 * 257
        sete al
        mov esi, text_boundary
        call check

        ; REP MOVSB lays INC EAX over five NOPs right behind itself.
        xor eax, eax
        mov esi, increments
        mov edi, behind
        mov ecx, 5
        rep movsb
behind:
        nop
        nop
        nop
        nop
        nop
        cmp eax, 5
        sete al
        movzx eax, al
        mov esi, text_string
        call check

        ; A counter between the instructions that use it.
        xor eax, eax
        mov ecx, 1000
        jmp beside_loop
beside:
        dd 0
beside_loop:
        add [beside], ecx
        loop beside_loop
        cmp dword [beside], 500500
        sete al
        mov esi, text_beside
        call check

        ; A store of two bytes changes the end of one instruction and the start of the next.
        mov ecx, 0
        mov word [straddle + 4], 0x4100 ; high byte of the immediate, INC ECX
straddle:
        mov eax, 0x7f000001
        nop
        cmp eax, 1
        sete al
        and al, cl
        movzx eax, al
        mov esi, text_straddle
        call check

        ; Through another linear address of the same page.
        mov edi, DIRECTORY
        mov ecx, 0x1000 / 4
        xor eax, eax
        rep stosd
        mov dword [DIRECTORY], TABLE + 3
        mov dword [DIRECTORY + (ALIAS >> 22) * 4], TABLE + 0x1000 + 3
        mov edi, TABLE
        mov eax, 3
map:
        stosd
        add eax, 0x1000
        cmp eax, 0x400000
        jb map
        mov eax, patched
        and eax, 0xfffff000
        or eax, 3
        mov [TABLE + 0x1000], eax
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        jmp mapped
mapped:
        mov ebp, patched
        and ebp, 0xfff
        add ebp, ALIAS
        xor ebx, ebx
        mov ecx, 100
alias_loop:
        mov [ebp + 1], ecx
        push ecx
        push ebx
        xor eax, eax
        cpuid                           ; serialises: the manual asks for it when addresses differ
        pop ebx
        pop ecx
        call patched
        add ebx, eax
        loop alias_loop
        xor eax, eax
        cmp ebx, 5050
        sete al
        mov esi, text_alias
        call check
        jmp finish

align 16
patched:
        mov eax, 0
        ret

increments:
        db 0x40, 0x40, 0x40, 0x40, 0x40

text_immediate: db "a patched immediate", 0
text_next:      db "a patched next instruction", 0
text_boundary:  db "code built over a page boundary", 0
text_string:    db "REP MOVSB over what follows it", 0
text_beside:    db "data beside code", 0
text_straddle:  db "a store over two instructions", 0
text_alias:     db "code patched through an alias", 0
