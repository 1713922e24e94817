; Test: paging. Aliases, accessed and dirty bits, page faults with their error codes and CR2, demand
; mapping, write protection of the supervisor, INVLPG, a store across a missing page, 4 MiB pages, PAE.
%include "common.inc"

DIRECTORY       equ 0x300000
TABLE_LOW       equ 0x301000            ; 0-4 MiB, one to one
TABLE_HIGH      equ 0x302000            ; 0x40000000-0x403fffff, made by the tests
HIGH            equ 0x40000000
PAGE_A          equ 0x280000
PAGE_B          equ 0x281000
PDPT            equ 0x303000
PAE_DIRECTORY   equ 0x304000

PRESENT         equ 1
WRITABLE        equ 2
ACCESSED        equ 0x20
DIRTY           equ 0x40
BIG             equ 0x80

main:
        mov eax, 14
        mov edx, on_page_fault
        call set_gate
        ; Directory and tables.
        mov edi, DIRECTORY
        mov ecx, 0x5000 / 4
        xor eax, eax
        rep stosd
        mov dword [DIRECTORY], TABLE_LOW + (PRESENT | WRITABLE)
        mov dword [DIRECTORY + (HIGH >> 22) * 4], TABLE_HIGH + (PRESENT | WRITABLE)
        mov edi, TABLE_LOW
        mov eax, PRESENT | WRITABLE
map_low:
        stosd
        add eax, 0x1000
        cmp eax, 0x400000
        jb map_low
        mov dword [PAGE_A], 0x11111111
        mov dword [PAGE_B], 0x22222222
        mov dword [TABLE_HIGH], PAGE_A + (PRESENT | WRITABLE)
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        jmp paging_is_on
paging_is_on:
        mov eax, 1
        mov esi, text_on
        call check

        ; A second address of the same page.
        xor eax, eax
        cmp dword [HIGH], 0x11111111
        sete al
        mov esi, text_alias_read
        call check
        mov eax, [TABLE_HIGH]
        and eax, ACCESSED | DIRTY
        cmp eax, ACCESSED
        sete al
        movzx eax, al
        mov esi, text_accessed
        call check
        mov dword [HIGH + 4], 0x33333333
        xor eax, eax
        cmp dword [PAGE_A + 4], 0x33333333
        sete al
        mov esi, text_alias_write
        call check
        mov eax, [TABLE_HIGH]
        and eax, ACCESSED | DIRTY
        cmp eax, ACCESSED | DIRTY
        sete al
        movzx eax, al
        mov esi, text_dirty
        call check

        ; A page that appears when it is touched.
        mov dword [fault_entry], TABLE_HIGH + 4
        mov dword [fault_page], PAGE_B + (PRESENT | WRITABLE)
        mov eax, [HIGH + 0x1000]
        cmp eax, 0x22222222
        sete al
        movzx eax, al
        mov esi, text_demand
        call check
        mov ebx, 0
        mov ecx, HIGH + 0x1000
        mov esi, text_read_fault
        call check_fault
        mov dword [fault_entry], TABLE_HIGH + 8
        mov dword [fault_page], PAGE_B + (PRESENT | WRITABLE)
        mov byte [HIGH + 0x2ff3], 7
        mov ebx, 2
        mov ecx, HIGH + 0x2ff3
        mov esi, text_write_fault
        call check_fault

        ; The supervisor may write read-only pages until CR0.WP is set.
        mov dword [TABLE_HIGH], PAGE_A + PRESENT
        invlpg [HIGH]
        mov dword [HIGH + 8], 0x44444444
        xor eax, eax
        cmp dword [PAGE_A + 8], 0x44444444
        sete al
        cmp dword [faults], 2
        sete ah
        and al, ah
        movzx eax, al
        mov esi, text_no_wp
        call check
        mov eax, cr0
        or eax, 0x10000
        mov cr0, eax
        mov dword [fault_entry], TABLE_HIGH
        mov dword [fault_page], PAGE_A + (PRESENT | WRITABLE)
        mov dword [HIGH + 8], 0x55555555
        mov ebx, 3
        mov ecx, HIGH + 8
        mov esi, text_wp
        call check_fault

        ; Another page at the same address.
        mov dword [TABLE_HIGH], PAGE_B + (PRESENT | WRITABLE)
        invlpg [HIGH]
        xor eax, eax
        cmp dword [HIGH], 0x22222222
        sete al
        mov esi, text_invlpg
        call check

        ; A store that reaches into a missing page leaves the first page as it was.
        mov dword [PAGE_A + 0xffc], 0x66666666
        mov dword [TABLE_HIGH + 12], PAGE_A + (PRESENT | WRITABLE)
        mov dword [fault_entry], TABLE_HIGH + 16
        mov dword [fault_page], PAGE_B + (PRESENT | WRITABLE)
        mov dword [watch_word], PAGE_A + 0xffc
        mov dword [HIGH + 0x3ffe], 0x77778888
        xor eax, eax
        cmp dword [watched], 0x66666666
        sete al
        mov esi, text_no_partial
        call check
        mov ebx, 2
        mov ecx, HIGH + 0x4000
        mov esi, text_crossing
        call check_fault
        xor eax, eax
        cmp dword [PAGE_A + 0xffc], 0x88886666
        sete al
        cmp word [PAGE_B], 0x7777
        sete ah
        and al, ah
        movzx eax, al
        mov esi, text_crossing_done
        call check

        ; Code seen through a page that changes.
        mov dword [PAGE_A], 0x000001b8          ; mov eax, 1 ; ret
        mov word [PAGE_A + 4], 0xc300
        mov dword [PAGE_B], 0x000002b8
        mov word [PAGE_B + 4], 0xc300
        mov dword [TABLE_HIGH], PAGE_A + (PRESENT | WRITABLE)
        invlpg [HIGH]
        mov ebp, HIGH
        call ebp
        mov ebx, eax
        mov dword [TABLE_HIGH], PAGE_B + (PRESENT | WRITABLE)
        invlpg [HIGH]
        call ebp
        shl eax, 4
        or ebx, eax
        xor eax, eax
        cmp ebx, 0x21
        sete al
        mov esi, text_code
        call check

        ; 4 MiB pages.
        mov eax, cr4
        or eax, 0x10
        mov cr4, eax
        mov dword [DIRECTORY + 0x200 * 4], PRESENT | WRITABLE | BIG
        mov eax, [0x80000000 + header]
        cmp eax, 0x1badb002
        sete al
        movzx eax, al
        mov esi, text_big
        call check

        ; PAE: 64-bit entries, three levels, 2 MiB pages.
        mov eax, cr0
        and eax, 0x7fffffff
        mov cr0, eax
        mov dword [PDPT], PAE_DIRECTORY + PRESENT
        mov dword [PAE_DIRECTORY], PRESENT | WRITABLE | BIG
        mov dword [PAE_DIRECTORY + 8], 0x200000 + (PRESENT | WRITABLE | BIG)
        mov dword [PAE_DIRECTORY + 16], 0x200000 + (PRESENT | WRITABLE | BIG)
        mov eax, cr4
        or eax, 0x20
        mov cr4, eax
        mov eax, PDPT
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        jmp pae_is_on
pae_is_on:
        mov dword [0x400000 + (PAGE_A - 0x200000)], 0x99999999
        xor eax, eax
        cmp dword [PAGE_A], 0x99999999
        sete al
        mov esi, text_pae
        call check
        mov eax, [PAE_DIRECTORY + 16]
        and eax, ACCESSED | DIRTY
        cmp eax, ACCESSED | DIRTY
        sete al
        movzx eax, al
        mov esi, text_pae_dirty
        call check
        mov eax, cr0
        and eax, 0x7fffffff
        mov cr0, eax
        jmp finish

; The last fault had error code EBX and address ECX. ESI names the check.
check_fault:
        xor eax, eax
        cmp [fault_error], ebx
        jne check_fault_say
        cmp [fault_address], ecx
        jne check_fault_say
        inc eax
check_fault_say:
        jmp check

; Notes what happened, then puts fault_page into fault_entry so that the instruction can be repeated.
on_page_fault:
        pushad
        mov eax, [esp + 32]
        mov [fault_error], eax
        mov eax, cr2
        mov [fault_address], eax
        inc dword [faults]
        mov ebx, [watch_word]
        test ebx, ebx
        jz fault_map
        mov edx, [ebx]
        mov [watched], edx
fault_map:
        mov ebx, [fault_entry]
        mov edx, [fault_page]
        mov [ebx], edx
        invlpg [eax]
        cmp dword [faults], 20
        ja unexpected_faults
        popad
        add esp, 4
        iretd
unexpected_faults:
        mov al, EXIT_EXCEPTION
        jmp exit

fault_error:    dd 0xffffffff
fault_address:  dd 0
fault_entry:    dd 0
fault_page:     dd 0
faults:         dd 0
watch_word:     dd 0
watched:        dd 0

text_on:        db "paging on", 0
text_alias_read: db "an alias reads the page", 0
text_accessed:  db "accessed, not dirty", 0
text_alias_write: db "an alias writes the page", 0
text_dirty:     db "accessed and dirty", 0
text_demand:    db "a missing page is mapped on demand", 0
text_read_fault: db "#PF error 0 and CR2 of a read", 0
text_write_fault: db "#PF error 2 and CR2 of a write", 0
text_no_wp:     db "the supervisor writes read-only pages", 0
text_wp:        db "#PF error 3 with CR0.WP", 0
text_invlpg:    db "INVLPG shows the new page", 0
text_no_partial: db "no partial store before the fault", 0
text_crossing:  db "#PF in the second page", 0
text_crossing_done: db "the repeated store is whole", 0
text_code:      db "code follows the mapping", 0
text_big:       db "a 4 MiB page", 0
text_pae:       db "PAE with 2 MiB pages", 0
text_pae_dirty: db "PAE accessed and dirty", 0
