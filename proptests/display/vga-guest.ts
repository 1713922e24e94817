/**
 * A guest that does a list of steps at the VGA: port and memory accesses, fills, patterns, waits. The list is made with
 * `Steps`, here, and lies behind the guest's code, so that the same accesses can be made on any emulator that boots a
 * multiboot kernel. What is read is printed on the serial line in hexadecimal; at a pause it prints `#` and waits for a
 * byte, so that somebody can look at the screen.
 */
import { readFileSync } from 'node:fs';
import { assemble } from '../../src/core/isa/assemble.ts';

const END = 0;
const OUT8 = 1;
const OUT16 = 2;
const IN8 = 3;
const WRITE8 = 4;
const WRITE16 = 5;
const WRITE32 = 6;
const FILL = 7;
const READ8 = 8;
const PATTERN = 9;
const PAUSE = 10;
const COPY = 11;
const CONFIG = 12;
const READ32 = 13;
const IN16 = 14;
const TOUCH = 15;

const SOURCE = `
%include "common.inc"

main:
        mov esi, program
step:
        movzx eax, byte [esi]
        inc esi
        jmp [steps + eax * 4]
align 4
steps:  dd step_end, step_out8, step_out16, step_in8, step_write8, step_write16, step_write32, step_fill
        dd step_read8, step_pattern, step_pause, step_copy, step_config, step_read32, step_in16
        dd step_touch
step_end:
        ret
step_out8:
        movzx edx, word [esi]
        mov al, [esi + 2]
        add esi, 3
        out dx, al
        jmp step
step_out16:
        movzx edx, word [esi]
        mov ax, [esi + 2]
        add esi, 4
        out dx, ax
        jmp step
step_in8:
        movzx edx, word [esi]
        add esi, 2
        xor eax, eax
        in al, dx
        jmp told
step_touch:
        movzx edx, word [esi]
        add esi, 2
        in al, dx
        jmp step
step_in16:
        movzx edx, word [esi]
        add esi, 2
        xor eax, eax
        in ax, dx
        jmp told
step_write8:
        mov edi, [esi]
        mov al, [esi + 4]
        add esi, 5
        mov [edi], al
        jmp step
step_write16:
        mov edi, [esi]
        mov ax, [esi + 4]
        add esi, 6
        mov [edi], ax
        jmp step
step_write32:
        mov edi, [esi]
        mov eax, [esi + 4]
        add esi, 8
        mov [edi], eax
        jmp step
step_fill:
        mov edi, [esi]
        mov ecx, [esi + 4]
        mov al, [esi + 8]
        add esi, 9
        rep stosb
        jmp step
step_read8:
        mov edi, [esi]
        add esi, 4
        movzx eax, byte [edi]
        jmp told
step_read32:
        mov edi, [esi]
        add esi, 4
        mov eax, [edi]
told:
        call put_hex
        call put_newline
        jmp step
step_pattern:                           ; address, count, seed: bytes of a linear congruential generator
        mov edi, [esi]
        mov ecx, [esi + 4]
        mov eax, [esi + 8]
        add esi, 12
pattern_next:
        imul eax, eax, 1664525
        add eax, 1013904223
        mov edx, eax
        shr edx, 24
        mov [edi], dl
        inc edi
        loop pattern_next
        jmp step
step_pause:
        mov al, '#'
        call put_char
        mov edx, COM1 + 5
pause_wait:
        in al, dx
        test al, 1
        jz pause_wait
        mov edx, COM1
        in al, dx
        jmp step
step_copy:
        mov edi, [esi]
        movzx ecx, word [esi + 4]
        add esi, 6
        rep movsb
        jmp step
step_config:
        mov edx, 0xcf8
        mov eax, [esi]
        out dx, eax
        mov edx, 0xcfc
        mov eax, [esi + 4]
        add esi, 8
        out dx, eax
        jmp step
align 4
program:
`;

let code: Uint8Array | null = null;

function guestCode(): Uint8Array {
  const folder = new URL('../../../guests/', import.meta.url);
  code ??= assemble(SOURCE, { include: (file) => readFileSync(new URL(file, folder), 'utf8') }).bytes;
  return code;
}

/** PCI function of the VGA, as CONFIG_ADDRESS names it. */
const FUNCTION = 0x80001000;
export const FRAME_BUFFER = 0xe0000000;
export const REGISTERS = 0xe2000000;

export class Steps {
  readonly #bytes: number[] = [];

  #put(operation: number, ...fields: readonly (readonly [value: number, size: number])[]): this {
    this.#bytes.push(operation);
    for (const [value, size] of fields) for (let i = 0; i < size; i++) this.#bytes.push((value >>> (8 * i)) & 0xff);
    return this;
  }

  out8(port: number, value: number): this {
    return this.#put(OUT8, [port, 2], [value, 1]);
  }
  out16(port: number, value: number): this {
    return this.#put(OUT16, [port, 2], [value, 2]);
  }
  /** Prints it. */
  in8(port: number): this {
    return this.#put(IN8, [port, 2]);
  }
  /** Reads it for what that does. */
  touch(port: number): this {
    return this.#put(TOUCH, [port, 2]);
  }
  in16(port: number): this {
    return this.#put(IN16, [port, 2]);
  }
  write8(address: number, value: number): this {
    return this.#put(WRITE8, [address, 4], [value, 1]);
  }
  write16(address: number, value: number): this {
    return this.#put(WRITE16, [address, 4], [value, 2]);
  }
  write32(address: number, value: number): this {
    return this.#put(WRITE32, [address, 4], [value, 4]);
  }
  read8(address: number): this {
    return this.#put(READ8, [address, 4]);
  }
  read32(address: number): this {
    return this.#put(READ32, [address, 4]);
  }
  fill(address: number, count: number, value: number): this {
    return this.#put(FILL, [address, 4], [count, 4], [value, 1]);
  }
  pattern(address: number, count: number, seed: number): this {
    return this.#put(PATTERN, [address, 4], [count, 4], [seed, 4]);
  }
  copy(address: number, bytes: Uint8Array): this {
    this.#put(COPY, [address, 4], [bytes.length, 2]);
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }
  pause(): this {
    return this.#put(PAUSE);
  }
  config(offset: number, value: number): this {
    return this.#put(CONFIG, [FUNCTION + offset, 4], [value, 4]);
  }

  /** An index and its data, as one write of 16 bits. */
  register(port: number, index: number, value: number): this {
    return this.out16(port, index | (value << 8));
  }
  attribute(index: number, value: number): this {
    return this.touch(0x3da).out8(0x3c0, index).out8(0x3c0, value);
  }
  dispi(index: number, value: number): this {
    return this.out16(0x1ce, index).out16(0x1cf, value);
  }
  /** Frame buffer and registers where this file says. */
  placeBars(): this {
    return this.config(0x10, FRAME_BUFFER).config(0x18, REGISTERS).config(0x04, 0x0003);
  }

  /** The guest with these steps, as a multiboot kernel. */
  kernel(): Uint8Array {
    const before = guestCode();
    const bytes = new Uint8Array(before.length + this.#bytes.length + 1);
    bytes.set(before);
    bytes.set(this.#bytes, before.length);
    bytes[bytes.length - 1] = END;
    return bytes;
  }
}
