// Boots a raw firmware image (SeaBIOS, Bochs BIOS) the way the processor does: mapped read-only up to 4 GiB, execution
// from the reset vector (SDM 3 §10.1.4). Its last 128 KiB show at E0000h too until firmware makes shadow RAM there,
// which is the host bridge's business (devices/chipset/shadow-ram.ts). With the quirk plain-firmware they are copied
// there, and the copy is plain RAM.

import type { Cpu } from '../../state/cpu.ts';
import type { AddressSpace } from '../../memory/address-space.ts';
import { resetCpu } from '../../cpu/system/reset.ts';
import { PAGE_BYTES } from '../../base/pages.ts';
import { BootError } from './boot-error.ts';

/** What hardware maps: the flash of a PC, whole pages, ends at 4 GiB and begins 16 MiB below it at the lowest. */
const SIZE_MIN = 0x10000;
const SIZE_MAX = 0x1000000;
const SHADOW_SIZE = 0x20000;

/** Check an image before the machine is built; the size says how much device memory it needs. */
export function checkBiosImage(image: Uint8Array): void {
  const { length } = image;
  if (length < SIZE_MIN || length > SIZE_MAX || length % PAGE_BYTES !== 0) {
    throw new BootError(
      `the firmware image has ${length} bytes: expected a raw image of whole pages, from 64 KiB to 16 MiB, ` +
        "for example bios-256k.bin of Debian's package seabios.",
    );
  }
  if (image.subarray(image.length - 16).every((byte) => byte === image[image.length - 1])) {
    throw new BootError(
      'the firmware image is blank where the processor starts (its last 16 bytes): expected a PC BIOS.',
    );
  }
}

/** Put the image at the beginning of device memory and map it below 4 GiB. Once. */
export function mapBios(space: AddressSpace, image: Uint8Array): void {
  checkBiosImage(image);
  const { m8, romBase } = space.memory;
  m8.set(image, romBase);
  space.addRom(0x1_0000_0000 - image.length, romBase, image.length);
}

/** Reset the processor, with the quirk copy the shadow: the machine starts at F000:FFF0. */
export function bootBios(cpu: Cpu, space: AddressSpace, image: Uint8Array, isShadowPlain = false): void {
  checkBiosImage(image);
  resetCpu(cpu);
  if (!isShadowPlain) return;
  const size = Math.min(image.length, SHADOW_SIZE);
  space.writeBytes(0x100000 - size, image.subarray(image.length - size));
}
