// Boots a Linux bzImage by the 32-bit boot protocol (Linux Documentation/x86/boot.rst and zero-page.rst):
// the protected-mode kernel goes to 1 MiB, the initrd as high as the kernel allows, and boot_params says
// where all is, so neither the kernel's real-mode code nor a BIOS runs. Needs protocol 2.03 or newer
// (Linux 2.4.18). No EFI, no 64-bit entry, no zImage.

import { PAGE_BYTES } from '../../base/pages.ts';
import type { Cpu } from '../../state/cpu.ts';
import type { AddressSpace } from '../../memory/address-space.ts';
import { EBP, EBX, EDI, ESI, ESP } from '../../state/layout.ts';
import { resetCpu } from '../../cpu/system/reset.ts';
import { BootError, tooLarge } from './boot-error.ts';
import { hex, mebibytes, read16, read32, write16, write32, zeroEnded } from './bytes.ts';
import { enterFlatMode } from './flat-mode.ts';
import { memoryMap } from './memory-map.ts';

// Where things go below 640 KiB: all of it is free for the kernel after it has read them.
const GDT_ADDRESS = 0x0f00;
const BOOT_PARAMS = 0x10000;
const COMMAND_LINE = 0x20000;
const COMMAND_LINE_SPACE = 0x10000;
const KERNEL_ADDRESS = 0x100000;

const HEADER_START = 0x1f1;
const HEADER_MAGIC = 0x53726448; // "HdrS"
const SECTOR = 512;

// loadflags.
const LOADED_HIGH = 0x01;
const CAN_USE_HEAP = 0x80;

/** Boot loader number for loaders without an assigned one. */
const LOADER_UNDEFINED = 0xff;

export interface LinuxOptions {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly commandLine: string;
  /** Physical address of the ACPI root pointer, when the machine has ACPI tables. */
  readonly acpiRsdpAddress?: number;
  /** The machine shows an 80×25 text screen at B8000h. */
  readonly hasTextScreen: boolean;
}

export function isLinuxImage(image: Uint8Array): boolean {
  return image.length >= 0x206 && read32(image, 0x202) === HEADER_MAGIC;
}

interface KernelLayout {
  /** Bytes 1F1h up to here are the setup header. */
  readonly headerEnd: number;
  readonly version: number;
  readonly codeOffset: number;
  readonly codeSize: number;
  readonly entry: number;
  /** First byte above everything that the kernel uses before it knows about memory. */
  readonly end: number;
  readonly initrdMax: number;
  readonly commandLineMax: number;
}

const versionText = (version: number): string => `${version >> 8}.${(version & 0xff).toString().padStart(2, '0')}`;

function parseKernel(image: Uint8Array): KernelLayout {
  if (!isLinuxImage(image)) {
    throw new BootError(
      'the kernel has no Linux setup header ("HdrS" at offset 0x202): expected a bzImage, usually called vmlinuz.',
    );
  }
  if (image.length < SECTOR + 0x80)
    throw new BootError('the Linux setup header is cut off: the kernel is truncated, copy it again.');
  if (read16(image, 0x1fe) !== 0xaa55) {
    throw new BootError(
      'the Linux kernel lacks its boot signature (AA55h at offset 0x1fe): the file is corrupt, copy it again.',
    );
  }
  const version = read16(image, 0x206);
  if (version < 0x0203) {
    throw new BootError(
      `the kernel speaks Linux boot protocol ${versionText(version)}: 2.03 or newer is needed (Linux 2.4.18 or later).`,
    );
  }
  if ((image[0x211] & LOADED_HIGH) === 0) {
    throw new BootError('the kernel is a zImage, which loads below 640 KiB: expected a bzImage (make bzImage).');
  }
  const headerEnd = 0x202 + image[0x201];
  const setupSectors = image[HEADER_START] === 0 ? 4 : image[HEADER_START];
  const codeOffset = (setupSectors + 1) * SECTOR;
  if (headerEnd > codeOffset || headerEnd > image.length) {
    throw new BootError('the Linux setup header reaches beyond the setup code: the file is corrupt, copy it again.');
  }
  // syssize counts paragraphs; a signature may follow the kernel proper. Before 2.04 it is 16 bits wide, which
  // is not enough (the boot protocol), so that everything behind the setup code is loaded.
  const hasSize = version >= 0x0204;
  const paragraphs = hasSize ? read32(image, 0x1f4) : 0;
  const available = image.length - codeOffset;
  const codeSize = hasSize ? paragraphs * 16 : available;
  // The last paragraph may be partly there: the count is rounded up.
  if ((hasSize && paragraphs === 0) || available <= 0 || codeSize > available + 15) {
    throw new BootError(
      `the kernel says that it has ${codeOffset + paragraphs * 16} bytes, the file has ${image.length}: ` +
        'it is truncated or corrupt, copy it again.',
    );
  }
  const entry = read32(image, 0x214);
  const loadSize = Math.min(codeSize, available);
  // A size that Linux's own build would not have written: these images say 0 and care for themselves.
  const isLinuxSize = hasSize || read16(image, 0x1f4) !== 0 || Math.ceil(available / 16) % 0x10000 === 0;
  if (entry === 0 || !isLinuxSize) {
    throw new BootError(
      'the kernel is an image that starts in real mode and asks firmware for its services (as memdisk and the .lkrn ' +
        'images of iPXE do): put it on a disk or a CD with a boot loader, and start that with --bios.',
    );
  }
  if (entry < KERNEL_ADDRESS || entry >= KERNEL_ADDRESS + loadSize) {
    throw new BootError(
      `the kernel's 32-bit entry point ${hex(entry)} lies outside of it: the file is corrupt, copy it again.`,
    );
  }
  let end = KERNEL_ADDRESS + loadSize;
  if (version >= 0x020a) {
    const preferred = read32(image, 0x258);
    const alignment = read32(image, 0x230);
    const isRelocatable = image[0x234] !== 0;
    const start = isRelocatable ? Math.max(KERNEL_ADDRESS, alignment, preferred) : preferred;
    end = Math.max(end, start + read32(image, 0x260));
  }
  return {
    headerEnd,
    version,
    codeOffset,
    codeSize: loadSize,
    entry,
    end,
    initrdMax: read32(image, 0x22c),
    commandLineMax: version >= 0x0206 ? read32(image, 0x238) : 255,
  };
}

/** As high as the kernel can reach, page aligned. */
function placeInitrd(size: number, kernel: KernelLayout, ramSize: number): number {
  const top = Math.min(kernel.initrdMax + 1, ramSize);
  const address = Math.floor((top - size) / PAGE_BYTES) * PAGE_BYTES;
  if (address >= kernel.end) return address;
  const needed = Math.ceil(kernel.end / PAGE_BYTES) * PAGE_BYTES + Math.ceil(size / PAGE_BYTES) * PAGE_BYTES;
  if (needed > kernel.initrdMax + 1) {
    throw new BootError(
      `the initrd has ${mebibytes(size)}, more than this kernel can take below ${hex(kernel.initrdMax)}: give a ` +
        `smaller one.`,
    );
  }
  throw tooLarge(`the initrd of ${mebibytes(size)} does not fit above the kernel`, needed, ramSize);
}

function buildBootParams(
  options: LinuxOptions,
  kernel: KernelLayout,
  ramSize: number,
  initrdAddress: number,
): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  page.set(options.kernel.subarray(HEADER_START, kernel.headerEnd), HEADER_START);
  if (options.hasTextScreen) {
    page[0x06] = 3; // video mode
    page[0x07] = 80; // columns
    page[0x0e] = 25; // lines
    page[0x0f] = 1; // a VGA
    write16(page, 0x10, 16); // lines of a character
  }
  write32(page, 0x70, options.acpiRsdpAddress ?? 0);
  write32(page, 0x1e0, Math.max(0, ramSize - KERNEL_ADDRESS) / 1024); // alt_mem_k
  const map = memoryMap(ramSize);
  page[0x1e8] = map.length;
  map.forEach((range, index) => {
    const at = 0x2d0 + index * 20;
    write32(page, at, range.address);
    write32(page, at + 8, range.size);
    write32(page, at + 16, range.type);
  });
  write16(page, 0x1fa, 0xffff); // vid_mode: normal
  page[0x210] = LOADER_UNDEFINED;
  page[0x211] |= CAN_USE_HEAP;
  write16(page, 0x224, 0xfe00); // heap_end_ptr
  write32(page, 0x228, COMMAND_LINE);
  if (options.initrd !== undefined && options.initrd.length > 0) {
    write32(page, 0x218, initrdAddress);
    write32(page, 0x21c, options.initrd.length);
  }
  return page;
}

/** Reset the processor, load kernel and initrd, and leave the machine at the kernel's 32-bit entry point. */
export function bootLinux(cpu: Cpu, space: AddressSpace, options: LinuxOptions): void {
  const ramSize = space.memory.ramBytes;
  const kernel = parseKernel(options.kernel);
  if (kernel.end > ramSize) {
    throw tooLarge(`the kernel needs memory up to ${hex(kernel.end)}`, kernel.end, ramSize);
  }
  const commandLine = zeroEnded(options.commandLine);
  const commandLineMax = Math.min(kernel.commandLineMax, COMMAND_LINE_SPACE - 1);
  if (commandLine.length - 1 > commandLineMax) {
    throw new BootError(
      `the kernel command line has ${commandLine.length - 1} bytes, this kernel takes at most ${commandLineMax}: ` +
        `shorten it.`,
    );
  }
  const initrdSize = options.initrd?.length ?? 0;
  const initrdAddress = initrdSize === 0 ? 0 : placeInitrd(initrdSize, kernel, ramSize);

  resetCpu(cpu);
  space.writeBytes(KERNEL_ADDRESS, options.kernel.subarray(kernel.codeOffset, kernel.codeOffset + kernel.codeSize));
  if (options.initrd !== undefined) space.writeBytes(initrdAddress, options.initrd);
  space.writeBytes(COMMAND_LINE, commandLine);
  space.writeBytes(BOOT_PARAMS, buildBootParams(options, kernel, ramSize, initrdAddress));
  enterFlatMode(cpu, space, kernel.entry, GDT_ADDRESS, 0x10, 0x18);
  cpu.m32[ESI] = BOOT_PARAMS;
  cpu.m32[EBX] = 0;
  cpu.m32[EBP] = 0;
  cpu.m32[EDI] = 0;
  cpu.m32[ESP] = BOOT_PARAMS; // not asked for by the protocol, but never a stack at 0
}
