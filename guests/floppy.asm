; A diskette of 1.44 MB with a FAT12 file system (Microsoft FAT specification 1.03) that boots by itself, in real mode
; with the services of the BIOS alone: says what memory the map of INT 15h begins with and what time INT 1Ah has, finds
; README.TXT in the root directory, follows its clusters by INT 13h, waits for a key by INT 16h, and writes a copy in
; capitals as COPY.TXT: clusters that are free, both FATs, an entry of the directory. What it prints goes to the screen
; by INT 10h. Ends by the debug-exit port: 1 when all was well. The test puts the file system around it
; (proptests/disk/fat-disk.ts); the first sector loads the three behind it.
bits 16
org 0x7c00

%define FAT_AT 0x1000
%define ROOT_AT 0x2400
%define DATA_AT 0x4000
%define FAT_FIRST 4
%define FAT_SECTORS 9
%define ROOT_FIRST 22
%define ROOT_SECTORS 14
%define DATA_FIRST 36
%define SECTORS 18
%define CLUSTERS_END 2846

  jmp start
  times 0x7c03 - $ nop
  ; BIOS parameter block
  db 'REPRISE '
  dw 512
  db 1
  dw FAT_FIRST
  db 2
  dw 224
  dw 2880
  db 0xf0
  dw FAT_SECTORS
  dw SECTORS
  dw 2
  dd 0
  dd 0
  db 0, 0, 0x29
  dd 0x52504653
  db 'REPRISE    '
  db 'FAT12   '
start:
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov sp, 0x7c00
  cld
  mov [drive], dl
  mov ax, 0x0203
  mov bx, 0x7e00
  mov cx, 0x0002
  mov dh, 0
  int 0x13
  jc stop
  jmp main
stop:
  mov al, 0
  out 0xf4, al
drive: db 0
  times 0x7dfe - $ db 0
  db 0x55, 0xaa

main:
  mov si, hello
  call print
  ; the first entry of the memory map: its length
  mov eax, 0xe820
  mov edx, 0x534d4150
  xor ebx, ebx
  mov ecx, 20
  mov di, DATA_AT
  int 0x15
  jc failed
  cmp eax, 0x534d4150
  jne failed
  mov ax, [DATA_AT + 10]
  call number
  mov ax, [DATA_AT + 8]
  call number
  mov ah, 2
  int 0x1a
  jc failed
  mov ax, cx
  call number
  call newline

  ; both tables
  mov ax, FAT_FIRST
  mov cx, FAT_SECTORS
  mov bx, FAT_AT
  call read
  mov ax, ROOT_FIRST
  mov cx, ROOT_SECTORS
  mov bx, ROOT_AT
  call read
  mov si, readme
  call find
  jc failed
  mov eax, [di + 28]
  mov [size], eax
  call number
  mov ax, [di + 26]
  mov bx, DATA_AT
follow:
  push ax
  add ax, DATA_FIRST - 2
  mov cx, 1
  call read
  pop ax
  call next
  cmp ax, 0xff8
  jb follow
  ; the first line
  mov si, DATA_AT
line:
  lodsb
  cmp al, 10
  je lined
  call character
  jmp line
lined:
  call newline

  mov si, wait
  call print
  mov ah, 0
  int 0x16
  call character
  call newline

  ; capitals
  mov si, DATA_AT
  mov cx, [size]
capital:
  mov al, [si]
  cmp al, 0x61
  jb kept
  cmp al, 0x7a
  ja kept
  sub byte [si], 0x20
kept:
  inc si
  loop capital

  ; clusters for it, the last one first: so each knows its successor
  mov cx, [size]
  add cx, 511
  shr cx, 9
  mov bx, cx
  dec bx
  shl bx, 9
  add bx, DATA_AT
  mov dx, 0xfff
place:
  call free
  jc failed
  push cx
  push ax
  call set
  pop dx
  mov ax, dx
  add ax, DATA_FIRST - 2
  mov cx, 1
  push dx
  push bx
  call write
  pop bx
  pop dx
  pop cx
  sub bx, 512
  loop place

  ; an entry that nobody uses
  mov di, ROOT_AT
unused:
  cmp byte [di], 0
  je entry
  add di, 32
  jmp unused
entry:
  mov si, copy
  mov cx, 11
  rep movsb
  sub di, 11
  mov byte [di + 11], 0x20
  mov [di + 26], dx
  mov eax, [size]
  mov [di + 28], eax
  mov ax, ROOT_FIRST
  mov cx, ROOT_SECTORS
  mov bx, ROOT_AT
  call write
  mov ax, FAT_FIRST
  mov cx, FAT_SECTORS
  mov bx, FAT_AT
  call write
  mov ax, FAT_FIRST + FAT_SECTORS
  mov cx, FAT_SECTORS
  mov bx, FAT_AT
  call write
  mov si, well
  call print
  mov al, 1
  out 0xf4, al
halt:
  hlt
  jmp halt

failed:
  mov si, bad
  call print
  mov al, 0
  out 0xf4, al
  jmp halt

; CX sectors from number AX on to or from BX, one after another; BX is behind them then
read:
  mov byte [service], 2
  jmp transfer
write:
  mov byte [service], 3
transfer:
  push cx
  push ax
  mov dl, SECTORS
  div dl
  mov cl, ah
  inc cl
  mov ch, al
  shr ch, 1
  mov dh, al
  and dh, 1
  mov dl, [drive]
  mov ah, [service]
  mov al, 1
  int 0x13
  jc failed
  pop ax
  pop cx
  inc ax
  add bx, 512
  loop transfer
  ret

; DI: the entry with the name at SI
find:
  mov di, ROOT_AT
each:
  cmp byte [di], 0
  je missing
  push si
  push di
  mov cx, 11
  repe cmpsb
  pop di
  pop si
  je found
  add di, 32
  jmp each
missing:
  stc
  ret
found:
  clc
  ret

; AX: what stands in the FAT for cluster AX
next:
  push bx
  mov bx, ax
  shr bx, 1
  pushf
  add bx, ax
  mov ax, [FAT_AT + bx]
  popf
  jc odd
  and ax, 0xfff
  pop bx
  ret
odd:
  shr ax, 4
  pop bx
  ret

; AX: a free cluster, carry if there is none
free:
  mov ax, 2
look:
  push ax
  call next
  cmp ax, 0
  pop ax
  je found
  inc ax
  cmp ax, CLUSTERS_END
  jb look
  stc
  ret

; DX into the FAT for cluster AX
set:
  push bx
  push dx
  mov bx, ax
  shr bx, 1
  pushf
  add bx, ax
  popf
  jc set_odd
  and word [FAT_AT + bx], 0xf000
  jmp set_both
set_odd:
  and word [FAT_AT + bx], 0x000f
  shl dx, 4
set_both:
  or [FAT_AT + bx], dx
  pop dx
  pop bx
  ret

%include "bios-print.inc"
hello: db 'diskette ', 0
wait: db 'press a key: ', 0
well: db 'all well', 13, 10, 0
bad: db 'failed', 13, 10, 0
readme: db 'README  TXT'
copy: db 'COPY    TXT'
service: db 0
size: dd 0
  times 0x8400 - $ db 0
