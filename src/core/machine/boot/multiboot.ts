// Boots a multiboot 1 kernel (specification 0.6.96): the header in the first 8 KiB, the kernel as ELF32
// or by the header's own address fields, modules, command line and memory map. The names on the command
// lines are those that QEMU's -kernel, -initrd and -append make of the same arguments.
// Nothing is said about drives, APM, symbols or video: their bits stay clear, as the specification allows.

import { PAGE_BYTES } from '../../base/pages.ts';
import type { Cpu } from '../../state/cpu.ts';
import type { AddressSpace } from '../../memory/address-space.ts';
import { EAX, EBX } from '../../state/layout.ts';
import { resetCpu } from '../../cpu/system/reset.ts';
import { BootError, tooLarge } from './boot-error.ts';
import { hex, read32, write32, zeroEnded } from './bytes.ts';
import { parseElf, type LoadPlan } from './elf.ts';
import { enterFlatMode } from './flat-mode.ts';
import { clearMemory, HIGH_MEMORY_START, LOW_MEMORY_END, memoryMap } from './memory-map.ts';

const HEADER_MAGIC = 0x1badb002;
const LOADER_MAGIC = 0x2badb002;
const SEARCH_BYTES = 8192;

// Header flags. 0–15 must be understood, 16 and up may be ignored.
const WANTS_VIDEO = 4;
const HAS_ADDRESSES = 0x10000;
/** Page-aligned modules and memory information are always given; a video mode is a wish that may go unfulfilled. */
const UNDERSTOOD = 1 | 2 | WANTS_VIDEO;

// Bits of the information structure's flags.
const INFO_MEMORY = 1;
const INFO_COMMAND_LINE = 4;
const INFO_MODULES = 8;
const INFO_MEMORY_MAP = 0x40;
const INFO_LOADER_NAME = 0x200;

/** Preferred place of the information structure and what it points to. */
const INFO_ADDRESS = 0x9000;
const INFO_SIZE = 88;
const LOADER_NAME = 'reprise';

export interface BootModule {
  readonly data: Uint8Array;
  /** What the guest sees as the module's string: file name and arguments. */
  readonly commandLine: string;
}

export interface MultibootOptions {
  readonly kernel: Uint8Array;
  readonly modules: readonly BootModule[];
  /** Kernel file name and --append, separated by a space. */
  readonly commandLine: string;
}

/** --initrd of a multiboot kernel: "file arguments,file arguments"; two commas stand for one that is meant. */
export function splitModuleList(list: string): { file: string; commandLine: string }[] {
  const parts = list.replaceAll(',,', '\0').split(',');
  return parts
    .map((part) => part.replaceAll('\0', ',').replace(/^ +/, ''))
    .filter((part) => part !== '')
    .map((part) => ({ file: part.split(' ')[0], commandLine: part }));
}

/** File offset of the header: −1 when there is none, −2 when only its checksum is wrong. */
export function findMultibootHeader(image: Uint8Array): number {
  let found = -1;
  for (let at = 0; at + 12 <= Math.min(image.length, SEARCH_BYTES); at += 4) {
    if (read32(image, at) !== HEADER_MAGIC) continue;
    if ((HEADER_MAGIC + read32(image, at + 4) + read32(image, at + 8)) % 0x1_0000_0000 === 0) return at;
    found = -2;
  }
  return found;
}

/** What to load where, by the header's address fields (the "a.out kludge"). */
function planFromHeader(image: Uint8Array, header: number): LoadPlan {
  if (header + 32 > Math.min(image.length, SEARCH_BYTES)) {
    throw new BootError(
      'the multiboot header of the kernel is cut off before its address fields: the file is truncated.',
    );
  }
  const headerAddress = read32(image, header + 12);
  const loadAddress = read32(image, header + 16);
  const loadEnd = read32(image, header + 20);
  const bssEnd = read32(image, header + 24);
  const entry = read32(image, header + 28);
  const fileOffset = header - (headerAddress - loadAddress);
  if (loadAddress > headerAddress || fileOffset < 0) {
    throw new BootError(
      `the multiboot header says that it lies at ${hex(headerAddress)} in an image that starts at ` +
        `${hex(loadAddress)}: ` +
        'its address fields are wrong, or the file is cut at its start.',
    );
  }
  const fileSize = loadEnd === 0 ? image.length - fileOffset : loadEnd - loadAddress;
  if (fileSize <= 0 || fileOffset + fileSize > image.length) {
    throw new BootError(
      `the multiboot header asks for ${fileSize} bytes from offset ${fileOffset}, the kernel has ${image.length}: ` +
        'the file is truncated or its header wrong.',
    );
  }
  const memorySize = Math.max(fileSize, bssEnd === 0 ? 0 : bssEnd - loadAddress);
  if (entry < loadAddress || entry >= loadAddress + memorySize) {
    throw new BootError(
      `the entry point ${hex(entry)} lies outside of the kernel: the address fields of its multiboot header are wrong.`,
    );
  }
  return { segments: [{ fileOffset, fileSize, address: loadAddress, memorySize }], entry };
}

function planKernel(image: Uint8Array): LoadPlan {
  const header = findMultibootHeader(image);
  if (header === -2) {
    throw new BootError(
      'the multiboot header of the kernel has a wrong checksum: magic, flags and checksum must add up to 0.',
    );
  }
  if (header < 0) {
    throw new BootError('the kernel has no multiboot header in its first 8 KiB: expected a multiboot 1 kernel.');
  }
  const flags = read32(image, header + 4);
  const unknown = flags & 0xffff & ~UNDERSTOOD;
  if (unknown !== 0) {
    throw new BootError(
      `the multiboot header requires features ${hex(unknown)} that multiboot 1 does not define: build it for ` +
        `multiboot 0.6.96.`,
    );
  }
  return (flags & HAS_ADDRESSES) !== 0 ? planFromHeader(image, header) : parseElf(image);
}

function checkFits(plan: LoadPlan, ramSize: number): number {
  let end = 0;
  for (const segment of plan.segments) {
    const segmentEnd = segment.address + segment.memorySize;
    if (segmentEnd > ramSize) {
      throw tooLarge(`the kernel needs memory up to ${hex(segmentEnd)}`, segmentEnd, ramSize);
    }
    if (segmentEnd > LOW_MEMORY_END && segment.address < HIGH_MEMORY_START) {
      throw new BootError(
        `the kernel wants to lie at ${hex(segment.address)}–${hex(segmentEnd)}, where a PC has devices and firmware: ` +
          'link it at 1 MiB or above.',
      );
    }
    end = Math.max(end, segmentEnd);
  }
  return end;
}

const pageUp = (address: number): number => Math.ceil(address / PAGE_BYTES) * PAGE_BYTES;

/** Address of every module: page aligned, above the kernel and above 1 MiB. */
function placeModules(modules: readonly BootModule[], kernelEnd: number, ramSize: number): number[] {
  let next = pageUp(Math.max(kernelEnd, HIGH_MEMORY_START));
  return modules.map((module) => {
    const address = next;
    next = pageUp(address + module.data.length);
    if (next > ramSize) {
      throw tooLarge(`module "${module.commandLine}" does not fit above the kernel`, next, ramSize);
    }
    return address;
  });
}

/** The information structure and all it points to, as it will lie at `address`. */
function buildInfo(options: MultibootOptions, moduleAddresses: number[], ramSize: number, address: number): Uint8Array {
  const strings = [options.commandLine, LOADER_NAME, ...options.modules.map((module) => module.commandLine)].map(
    zeroEnded,
  );
  const map = memoryMap(ramSize);
  const modulesAt = INFO_SIZE;
  const mapAt = modulesAt + options.modules.length * 16;
  let stringAt = mapAt + map.length * 24;
  const info = new Uint8Array(stringAt + strings.reduce((sum, each) => sum + each.length, 0));
  const stringAddresses = strings.map((each) => {
    info.set(each, stringAt);
    stringAt += each.length;
    return address + stringAt - each.length;
  });
  const hasModules = options.modules.length > 0 ? INFO_MODULES : 0;
  write32(info, 0, INFO_MEMORY | INFO_COMMAND_LINE | hasModules | INFO_MEMORY_MAP | INFO_LOADER_NAME);
  write32(info, 4, LOW_MEMORY_END / 1024);
  write32(info, 8, Math.max(0, ramSize - HIGH_MEMORY_START) / 1024);
  write32(info, 16, stringAddresses[0]);
  write32(info, 20, options.modules.length);
  write32(info, 24, hasModules === 0 ? 0 : address + modulesAt);
  write32(info, 44, map.length * 24);
  write32(info, 48, address + mapAt);
  write32(info, 64, stringAddresses[1]);
  options.modules.forEach((module, index) => {
    const at = modulesAt + index * 16;
    write32(info, at, moduleAddresses[index]);
    write32(info, at + 4, moduleAddresses[index] + module.data.length);
    write32(info, at + 8, stringAddresses[2 + index]);
  });
  map.forEach((range, index) => {
    const at = mapAt + index * 24;
    write32(info, at, 20); // size of the rest of this entry
    write32(info, at + 4, range.address);
    write32(info, at + 12, range.size);
    write32(info, at + 20, range.type);
  });
  return info;
}

/** Reset the processor, load kernel and modules, and leave the machine at the kernel's entry point. */
export function bootMultiboot(cpu: Cpu, space: AddressSpace, options: MultibootOptions): void {
  const ramSize = space.memory.ramBytes;
  const plan = planKernel(options.kernel);
  const kernelEnd = checkFits(plan, ramSize);
  const moduleAddresses = placeModules(options.modules, kernelEnd, ramSize);
  const lastModule = options.modules.length - 1;
  const imagesEnd = pageUp(
    Math.max(
      kernelEnd,
      HIGH_MEMORY_START,
      lastModule < 0 ? 0 : moduleAddresses[lastModule] + options.modules[lastModule].data.length,
    ),
  );
  let infoAddress = INFO_ADDRESS;
  let info = buildInfo(options, moduleAddresses, ramSize, infoAddress);
  // The flat GDT follows the structure; both move above the images when the kernel itself wants that place.
  const blockSize = (): number => Math.ceil(info.length / 8) * 8 + 32;
  const isTaken = plan.segments.some(
    (s) => s.address < infoAddress + blockSize() && s.address + s.memorySize > infoAddress,
  );
  if (isTaken || infoAddress + blockSize() > LOW_MEMORY_END) {
    infoAddress = imagesEnd;
    info = buildInfo(options, moduleAddresses, ramSize, infoAddress);
  }
  if (infoAddress + blockSize() > ramSize) {
    const end = infoAddress + blockSize();
    throw tooLarge('no memory is left above the kernel for the boot information', end, ramSize);
  }

  resetCpu(cpu);
  for (const segment of plan.segments) {
    const fileEnd = segment.fileOffset + segment.fileSize;
    space.writeBytes(segment.address, options.kernel.subarray(segment.fileOffset, fileEnd));
    clearMemory(space, segment.address + segment.fileSize, segment.address + segment.memorySize);
  }
  options.modules.forEach((module, index) => {
    space.writeBytes(moduleAddresses[index], module.data);
  });
  space.writeBytes(infoAddress, info);
  enterFlatMode(cpu, space, plan.entry, infoAddress + blockSize() - 32, 0x08, 0x10);
  cpu.m32[EAX] = LOADER_MAGIC;
  cpu.m32[EBX] = infoAddress;
}
