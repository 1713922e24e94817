/**
 * ACPI tables as files for firmware (fw_cfg), with the script that says how they are put in place: QEMU's linker-loader
 * (bios-linker-loader; romfile_loader in SeaBIOS). Commands of 128 bytes: allocate a file, add the
 * address of one file to a field of another, put a checksum. Imports acpi.ts.
 */
import { type AcpiPlatform, buildAcpi } from './acpi.ts';
import { write32 } from './bytes.ts';

const TABLES = 'etc/acpi/tables';
const ROOT = 'etc/acpi/rsdp';
const SCRIPT = 'etc/table-loader';

const COMMAND_BYTES = 128;
const NAME_BYTES = 56;
const ALLOCATE = 1;
const ADD_POINTER = 2;
const ADD_CHECKSUM = 3;
/** Where: anywhere high, or where operating systems look for the root pointer. */
const ZONE_HIGH = 1;
const ZONE_LOW = 2;

const ROOT_BYTES = 36;
/** The FACS lies at a multiple of it, and it is the first table. */
const ALIGNMENT = 64;

function command(number: number, ...parts: (string | readonly [value: number, sizeBytes: number])[]): Uint8Array {
  const bytes = new Uint8Array(COMMAND_BYTES);
  write32(bytes, 0, number);
  let at = 4;
  for (const part of parts) {
    if (typeof part === 'string') {
      for (let i = 0; i < part.length; i++) bytes[at + i] = part.charCodeAt(i);
      at += NAME_BYTES;
    } else {
      const [value, sizeBytes] = part;
      if (sizeBytes === 4) write32(bytes, at, value);
      else bytes[at] = value;
      at += sizeBytes;
    }
  }
  return bytes;
}

/** By name. */
export function acpiFiles(platform: AcpiPlatform, ramSize: number): [string, Uint8Array][] {
  const { bytes, pointers, checksums } = buildAcpi({ ...platform, address: 0, ramSize });
  // The root pointer is a file of its own; what it points to counts from the beginning of the other.
  const fileOf = (offset: number): string => (offset < ROOT_BYTES ? ROOT : TABLES);
  const within = (offset: number): number => (offset < ROOT_BYTES ? offset : offset - ALIGNMENT);
  const whole = bytes.slice();
  for (const { at, to } of pointers) write32(whole, at, to - ALIGNMENT);
  for (const { at } of checksums) whole[at] = 0;
  const script = [
    command(ALLOCATE, ROOT, [16, 4], [ZONE_LOW, 1]),
    command(ALLOCATE, TABLES, [ALIGNMENT, 4], [ZONE_HIGH, 1]),
    ...pointers.map(({ at, sizeBytes }) => command(ADD_POINTER, fileOf(at), TABLES, [within(at), 4], [sizeBytes, 1])),
    ...checksums.map(({ at, from, sizeBytes }) =>
      command(ADD_CHECKSUM, fileOf(at), [within(at), 4], [within(from), 4], [sizeBytes, 4]),
    ),
  ];
  const joined = new Uint8Array(script.length * COMMAND_BYTES);
  script.forEach((each, index) => {
    joined.set(each, index * COMMAND_BYTES);
  });
  return [
    [ROOT, whole.slice(0, ROOT_BYTES)],
    [TABLES, whole.slice(ALIGNMENT)],
    [SCRIPT, joined],
  ];
}
