// Chooses the loader for what the user gave: firmware from the reset vector, else a Linux bzImage, else
// a multiboot kernel, and puts the ACPI tables where firmware would have. Runs at power-up and again at
// every machine reset; images come from the caller, nothing is read here.

import type { Cpu } from '../../state/cpu.ts';
import type { AddressSpace } from '../../memory/address-space.ts';
import { ACPI_ADDRESS, buildAcpi } from './acpi.ts';
import { bootBios } from './bios.ts';
import { BootError } from './boot-error.ts';
import { isElf } from './elf.ts';
import { bootLinux, isLinuxImage } from './linux.ts';
import { bootMultiboot, findMultibootHeader, type BootModule } from './multiboot.ts';

/** What the machine has, as far as tables for the guest say it. */
export interface BootPlatform {
  readonly hasApic: boolean;
  readonly hasPci: boolean;
  readonly hasVga: boolean;
}

export interface BootImages {
  /** Firmware already mapped by mapBios; excludes the rest. */
  readonly bios?: Uint8Array;
  readonly kernel?: Uint8Array;
  /** File name of the kernel as the user gave it: multiboot kernels see it in front of their command line. */
  readonly kernelName?: string;
  /** --append. */
  readonly append?: string;
  /** Linux: one, the initrd. Multiboot: any number (splitModuleList reads --initrd). */
  readonly modules?: readonly BootModule[];
}

export type KernelKind = 'linux' | 'multiboot';

/** What kind of kernel the image is; throws BootError when it is none. */
export function kernelKind(image: Uint8Array): KernelKind {
  if (image.length === 0)
    throw new BootError('the kernel image is empty: expected a Linux bzImage or a multiboot kernel.');
  if (isLinuxImage(image)) return 'linux';
  if (findMultibootHeader(image) !== -1) return 'multiboot';
  if (isElf(image)) {
    throw new BootError(
      'the kernel is an ELF file without a multiboot header in its first 8 KiB: ' +
        'expected a multiboot kernel or a Linux bzImage (vmlinuz, not vmlinux).',
    );
  }
  if (image[0] === 0x1f && image[1] === 0x8b) {
    throw new BootError('the kernel is compressed with gzip: unpack it first (gunzip), or give the bzImage itself.');
  }
  throw new BootError(
    'the kernel is neither a Linux bzImage ("HdrS" at offset 0x202) nor a multiboot kernel: give one of these.',
  );
}

/** Bring the processor and memory to where the guest starts. Devices have been reset by the caller. */
export function bootMachine(cpu: Cpu, space: AddressSpace, images: BootImages, platform: BootPlatform): void {
  if (images.bios !== undefined) {
    bootBios(cpu, space, images.bios);
    return;
  }
  if (images.kernel === undefined) throw new BootError('there is nothing to boot: give --kernel or --bios.');
  const modules = images.modules ?? [];
  const append = images.append ?? '';
  const acpi = buildAcpi({ address: ACPI_ADDRESS, ramSize: cpu.ramSize, ...platform });
  if (kernelKind(images.kernel) === 'linux') {
    if (modules.length > 1) {
      throw new BootError(
        `a Linux kernel takes one initrd, not ${modules.length}: join the archives into one file (cat a b > c).`,
      );
    }
    bootLinux(cpu, space, {
      kernel: images.kernel,
      initrd: modules[0]?.data,
      commandLine: append,
      acpiRsdpAddress: acpi.rsdpAddress,
      hasTextScreen: platform.hasVga,
    });
  } else {
    const name = images.kernelName ?? 'kernel';
    bootMultiboot(cpu, space, {
      kernel: images.kernel,
      modules,
      commandLine: append === '' ? name : `${name} ${append}`,
    });
  }
  space.writeBytes(ACPI_ADDRESS, acpi.bytes);
}
