/**
 * A machine that firmware starts. A firmware of ours looks at what the chipset is after power-on and makes shadow RAM
 * of itself; SeaBIOS, where it is installed, finds every table and comes to the end of its search for something to
 * boot. Each is recorded, replayed with devices and without, and verified on several engines.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { openLog } from '../../src/core/log/log.ts';
import { describeDivergence, record, replay, verify } from '../../src/library.ts';

const SEABIOS = '/usr/share/seabios/bios-256k.bin';
const noSeaBios = existsSync(SEABIOS) ? false : `needs ${SEABIOS} (Debian: apt-get install seabios)`;

const ROM_BYTES = 0x10000;

/** 64 KiB at F0000h that run from the reset vector; what `source` writes to port E9h comes out on the debug console. */
function firmware(source: string): Uint8Array {
  const rom = new Uint8Array(ROM_BYTES).fill(0xf4);
  rom.set(assemble(`bits 16\norg 0\n${source}`).bytes);
  rom.set(assemble('bits 16\norg 0xfff0\njmp word 0xf000:0\n').bytes, 0xfff0);
  return rom;
}

/** Reads and writes of PCI configuration bytes of the host bridge (slot 0) and the power management (slot 0Bh). */
const SOURCE = `
  xor ax, ax
  mov ss, ax
  mov sp, 0x7000
  mov ax, 0xf000
  mov ds, ax
  mov es, ax
  ; ROM: a write is lost
  mov al, [cs:0x8000]
  call show
  mov byte [0x8000], 0x11
  mov al, [0x8000]
  call show
  ; nothing is at C0000h
  mov ax, 0xc000
  mov ds, ax
  mov byte [0], 0x22
  mov al, [0]
  call show
  ; RAM for both
  mov eax, 0x80000058
  mov bl, 0x30
  mov dx, 0xcfd
  call configure
  mov eax, 0x80000058
  mov bl, 0x33
  mov dx, 0xcfe
  call configure_only
  mov byte [0], 0x33
  mov al, [0]
  call show
  mov ax, 0xf000
  mov ds, ax
  mov byte [0x8000], 0x44
  mov al, [0x8000]
  call show
  ; read-only
  mov eax, 0x80000058
  mov bl, 0x10
  mov dx, 0xcfd
  call configure_only
  mov byte [0x8000], 0x55
  mov al, [0x8000]
  call show
  mov eax, 0x80000058
  mov bl, 0x11
  mov dx, 0xcfe
  call configure_only
  mov ax, 0xc000
  mov ds, ax
  mov byte [0], 0x66
  mov al, [0]
  call show
  ; SMM needs no setting up: byte 5Bh of the power management
  mov eax, 0x80000b58
  mov dx, 0xcf8
  out dx, eax
  mov dx, 0xcff
  in al, dx
  call show
  ; its ports are nowhere before they are placed
  mov dx, 0x604
  in al, dx
  call show
  mov eax, 0x80000b40
  mov dx, 0xcf8
  out dx, eax
  mov eax, 0x00000741
  mov dx, 0xcfc
  out dx, eax
  mov eax, 0x80000b80
  mov dx, 0xcf8
  out dx, eax
  mov al, 1
  mov dx, 0xcfc
  out dx, al
  mov dx, 0x744
  in al, dx
  call show
  ; so are those of the SMBus host, on which a transaction finds nobody
  mov dx, 0x820
  in al, dx
  call show
  mov eax, 0x80000b90
  mov dx, 0xcf8
  out dx, eax
  mov eax, 0x00000821
  mov dx, 0xcfc
  out dx, eax
  mov eax, 0x80000bd0
  mov dx, 0xcf8
  out dx, eax
  mov al, 9
  mov dx, 0xcfe
  out dx, al
  mov dx, 0x820
  in al, dx
  call show
  mov dx, 0x824
  mov al, 0xa1
  out dx, al
  mov dx, 0x822
  mov al, 0x48
  out dx, al
  in al, dx
  call show
  mov dx, 0x820
  in al, dx
  call show
  mov al, 0xff
  out dx, al
  in al, dx
  call show
  ; fw_cfg has DMA
  mov dx, 0x510
  mov ax, 1
  out dx, ax
  mov dx, 0x511
  in al, dx
  call show
  mov dx, 0x514
  in al, dx
  call show
  ; and the machine ends
  mov al, 5
  out 0xf4, al
configure:
  ; the firmware is copied into the RAM that takes its place: through a buffer at 20000h
  pushad
  push ds
  push es
  cld
  mov ax, 0x2000
  mov es, ax
  xor si, si
  xor di, di
  mov cx, 0x8000
  rep movsw
  pop es
  pop ds
  popad
  pushad
  push ds
  push es
  mov ax, 0xf000
  mov ds, ax
  mov ax, 0x2000
  mov es, ax
  xor si, si
  xor di, di
  mov cx, 0x8000
  rep movsw
  ; a stub outside goes on while the ROM gives way
  mov ax, 0x2000
  mov ds, ax
  mov ax, 0xf000
  mov es, ax
  mov eax, 0x80000058
  call word 0x2000:stub
  pop es
  pop ds
  popad
  ret
stub:
  mov dx, 0xcf8
  out dx, eax
  mov dx, 0xcfd
  mov al, 0x30
  out dx, al
  xor si, si
  xor di, di
  mov cx, 0x8000
  rep movsw
  retf
configure_only:
  push dx
  mov dx, 0xcf8
  out dx, eax
  pop dx
  mov al, bl
  out dx, al
  ret
show:
  out 0xe9, al
  ret
`;

const OURS = firmware(SOURCE);
OURS[0x8000] = 0xa5;

const EXPECTED = [0xa5, 0xa5, 0xff, 0x33, 0x44, 0x44, 0x33, 0x02, 0xff, 0x00, 0xff, 0x00, 0x08, 0x04, 0x00, 0x03, 0x51];

async function recorded(bios: Uint8Array, maxTicks: number) {
  const run = await record({ images: { bios }, memoryMegabytes: 32, maxTicks, hashEveryTicks: 200_000 });
  const reader = openLog(run.log);
  for (const devices of ['model', 'log'] as const) {
    const again = await replay(reader, { images: { bios }, devices });
    assert.equal(again.divergence, null, again.divergence === null ? '' : describeDivergence(again.divergence));
    assert.equal(again.tick, run.tick);
  }
  const verified = await verify(reader, { images: { bios }, engines: ['interp', 'js', 'tiered'] });
  assert.equal(verified.difference, null);
  return run;
}

test('firmware finds ROM at F0000h, makes RAM of it, and places the ports of power management', async () => {
  const console: number[] = [];
  const run = await recorded(OURS, 2_000_000);
  assert.equal(run.reason, 'debug-exit');
  await replay(run.log, { images: { bios: OURS }, onDebugConsole: (byte) => console.push(byte) });
  assert.deepEqual(
    console.map((byte) => byte.toString(16)),
    EXPECTED.map((byte) => byte.toString(16)),
  );
});

test('of firmware of any size that can be mapped the last 128 KiB show at E0000h too, and no more', async () => {
  // What stands at E000:0 and in the last byte of that half, and where the flash below 4 GiB would go on.
  const code = firmware(`
    mov ax, 0xe000
    mov ds, ax
    mov al, [0]
    call show
    mov al, [0xffff]
    call show
    mov ax, 0xd000
    mov ds, ax
    mov al, [0xffff]
    call show
    hlt
show:
    out 0xe9, al
    ret
`);
  for (const size of [0x20000, 0x21000, 0x37c000, 0x1000000]) {
    const bios = new Uint8Array(size).fill(0x77);
    bios.set(code, size - ROM_BYTES);
    bios[size - 0x20000] = 0x5a;
    bios[size - ROM_BYTES - 1] = 0xa5;
    const said: number[] = [];
    const { log } = await record({ images: { bios }, memoryMegabytes: 4, maxTicks: 1000 });
    const again = await replay(log, { images: { bios }, onDebugConsole: (byte) => said.push(byte) });
    assert.equal(again.divergence, null);
    assert.deepEqual(said, [0x5a, 0xa5, 0xff], `${size}`);
  }
});

test('SeaBIOS finds its tables, sets nothing up that is not there, and has nothing to boot', {
  skip: noSeaBios,
}, async () => {
  const bios = new Uint8Array(readFileSync(SEABIOS));
  const said: number[] = [];
  const run = await recorded(bios, 60_000_000);
  const text = new TextDecoder().decode(run.serial);
  assert.match(text, /No bootable device/);
  await replay(run.log, { images: { bios }, onDebugConsole: (byte) => said.push(byte) });
  const log = new TextDecoder().decode(Uint8Array.from(said));
  for (const expected of [
    'QEMU fw_cfg DMA interface supported',
    'qemu/e820: addr 0x0000000000000000 len 0x0000000002000000 [RAM]',
    'Moving pm_base to 0x600',
    'PIIX3/PIIX4 init: elcr=00 0c',
    'Using pmtimer, ioport 0x608',
    'ACPI: parse DSDT at',
    'e820 map has 6 items',
  ]) {
    assert.ok(log.includes(expected), `${expected} is not in what SeaBIOS said:\n${log}`);
  }
});
