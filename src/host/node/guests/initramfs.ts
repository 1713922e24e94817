// The initramfs of the Debian guest: static busybox with a link for every applet it holds, an /init
// that mounts the virtual file systems and says BOOTED, and whatever files the user adds. What /init
// does next is said on the kernel command line: run="command" runs it by sh and powers off.

import { gzipSync } from 'fflate';
import { characterDevice, directory, regularFile, symbolicLink, writeCpio, type CpioEntry } from './cpio.ts';

const RUN_QUOTED = String.raw`-e 's/.*[[:space:]]run="\([^"]*\)".*/\1/p'`;
const RUN_WORD = String.raw`-e 's/.*[[:space:]]run=\([^[:space:]"]*\).*/\1/p'`;
/** Runs as process 1. sed takes run="…" or run=word from the command line; quotes inside are not supported. */
const INIT = `#!/bin/sh
export PATH=/bin:/sbin:/usr/bin HOME=/root TERM=linux
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
hostname reprise
echo BOOTED
run=$(sed -n ${RUN_QUOTED} -e t ${RUN_WORD} /proc/cmdline)
cd /root
if [ -n "$run" ]; then
  sh -c "$run"
  status=$?
  [ $status -eq 0 ] || echo "run: exit status $status"
else
  setsid cttyhack sh
fi
poweroff -f
`;

/**
 * Names of the applets in a busybox program: its table is one run of NUL-ended names in sorted order that
 * starts with "[" and "[[" and ends with an empty name. Empty when the program holds no such table.
 */
export function busyboxApplets(program: Uint8Array): string[] {
  const start = Buffer.from(program.buffer, program.byteOffset, program.length).indexOf('\0[\0[[\0', 0, 'latin1');
  const names: string[] = [];
  if (start < 0) return names;
  for (let at = start + 1; at < program.length; ) {
    const end = program.indexOf(0, at);
    if (end <= at) break;
    const name = Buffer.from(program.subarray(at, end)).toString('latin1');
    if (!/^[a-z0-9_.[-]+$/i.test(name)) break;
    names.push(name);
    at = end + 1;
  }
  return names;
}

export interface AddedFile {
  /** Path in the guest. */
  readonly path: string;
  readonly data: Uint8Array;
  readonly executable: boolean;
}

/** Paths the initramfs itself provides and --add may not replace. */
const RESERVED = new Set(['init', 'bin/busybox', 'bin/sh']);

/** The gzip-compressed archive: the same bytes for the same busybox and added files, on every host. */
export function buildInitramfs(busybox: Uint8Array, added: readonly AddedFile[]): Uint8Array {
  const entries: CpioEntry[] = [];
  const made = new Set<string>();
  const addDirectory = (path: string): void => {
    if (path === '' || made.has(path)) return;
    addDirectory(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    made.add(path);
    entries.push(directory(path));
  };
  for (const path of ['bin', 'dev', 'etc', 'proc', 'root', 'sbin', 'sys', 'tmp', 'usr/bin']) addDirectory(path);
  entries.push(characterDevice('dev/console', 5, 1));
  entries.push(regularFile('init', INIT, 0o755));
  entries.push(regularFile('etc/passwd', 'root::0:0:root:/root:/bin/sh\n'));
  entries.push(regularFile('etc/group', 'root:x:0:\n'));
  entries.push(regularFile('bin/busybox', busybox, 0o755));
  const addedPaths = new Set(added.map((file) => file.path.replace(/^\/+/, '')));
  for (const name of busyboxApplets(busybox)) {
    if (name !== 'busybox' && !addedPaths.has(`bin/${name}`)) entries.push(symbolicLink(`bin/${name}`, 'busybox'));
  }
  for (const file of added) {
    const path = file.path.replace(/^\/+/, '');
    if (path === '' || path.split('/').includes('..') || RESERVED.has(path)) {
      throw new Error(
        `cannot add a file at "${file.path}": give another path inside the guest, for example /bin/test.`,
      );
    }
    addDirectory(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    entries.push(regularFile(path, file.data, file.executable ? 0o755 : 0o644));
  }
  // fflate rather than node:zlib: the bytes that zlib makes depend on the processor and the Node version.
  return gzipSync(writeCpio(entries), { level: 9, mtime: 0 });
}
