// Writer of cpio archives in the "newc" format, as the kernel's initramfs unpacker reads them
// (Linux Documentation/driver-api/early-userspace/buffer-format.rst). The bytes depend on the entries
// alone: every time stamp is 0 and inode numbers count up. No hard links, no files over 4 GiB.

export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string;
  /** S_IF* type bits and permissions, as in stat(2). */
  readonly mode: number;
  /** File contents or symlink target. */
  readonly data?: Uint8Array;
  /** Of a device node. */
  readonly major?: number;
  readonly minor?: number;
}

const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

const encoder = new TextEncoder();

export function directory(path: string, permissions = 0o755): CpioEntry {
  return { path, mode: S_IFDIR | permissions };
}

export function regularFile(path: string, data: Uint8Array | string, permissions = 0o644): CpioEntry {
  return { path, mode: S_IFREG | permissions, data: typeof data === 'string' ? encoder.encode(data) : data };
}

export function symbolicLink(path: string, target: string): CpioEntry {
  return { path, mode: S_IFLNK | 0o777, data: encoder.encode(target) };
}

export function characterDevice(path: string, major: number, minor: number, permissions = 0o600): CpioEntry {
  return { path, mode: S_IFCHR | permissions, major, minor };
}

const hex8 = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');

const padding = (size: number): number => -size & 3;

/** One member: a 110-byte header of hexadecimal numbers, the name, the data, each padded to 4 bytes. */
function member(entry: CpioEntry, inode: number): Uint8Array[] {
  const name = encoder.encode(`${entry.path}\0`);
  const data = entry.data ?? new Uint8Array(0);
  const isDirectory = (entry.mode & 0o170000) === S_IFDIR;
  const fields = [
    inode,
    entry.mode,
    0, // uid
    0, // gid
    isDirectory ? 2 : 1, // links
    0, // modification time
    data.length,
    0, // device of the file system, major and minor
    0,
    entry.major ?? 0,
    entry.minor ?? 0,
    name.length,
    0, // checksum: only in the "crc" variant
  ];
  const header = encoder.encode(`070701${fields.map(hex8).join('')}`);
  return [
    header,
    name,
    new Uint8Array(padding(header.length + name.length)),
    data,
    new Uint8Array(padding(data.length)),
  ];
}

/** The archive, with its trailer, padded to 512 bytes. A directory must come before what it holds. */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  entries.forEach((entry, index) => {
    pieces.push(...member(entry, index + 1));
  });
  pieces.push(...member({ path: 'TRAILER!!!', mode: 0 }, 0));
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const archive = new Uint8Array(Math.ceil(size / 512) * 512);
  let at = 0;
  for (const piece of pieces) {
    archive.set(piece, at);
    at += piece.length;
  }
  return archive;
}
