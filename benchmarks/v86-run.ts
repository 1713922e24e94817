/**
 * One run on npm's v86, for `npm run peers`: what the guest sends on its first serial line goes to standard output as
 * it comes. Arguments: a multiboot image, megabytes of memory, the command line, `jit` or `nojit`; and for a Linux
 * kernel its initrd, a BIOS and a VGA BIOS, which v86 boots it by. v86 ends a run at the debug-exit port by throwing
 * out of its timer callback.
 */
import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { V86 } from 'v86';

const [image, megabytes, commandLine, mode, initrd, bios, vgaBios] = process.argv.slice(2);
const read = (path: string): { buffer: ArrayBuffer } => ({
  buffer: new Uint8Array(readFileSync(path)).buffer as ArrayBuffer,
});
const images: Readonly<Record<string, { buffer: ArrayBuffer }>> =
  initrd === undefined
    ? { multiboot: read(image) }
    : { bzimage: read(image), initrd: read(initrd), bios: read(bios), vga_bios: read(vgaBios) };
const wasm = createRequire(import.meta.url).resolve('v86/build/v86.wasm');
// It says on the console what is nobody's business here.
console.log = () => {};
process.once('uncaughtException', (error: unknown) => {
  if (error !== 'HALT') process.stderr.write(`${String(error)}\n`);
  process.exit(error === 'HALT' ? 0 : 1);
});
const emulator = new V86({
  wasm_path: wasm,
  memory_size: Number(megabytes) << 20,
  ...images,
  cmdline: commandLine,
  autostart: false,
  disable_jit: mode === 'nojit',
  log_level: 0,
});
emulator.add_listener('serial0-output-byte', (byte) => {
  writeSync(1, Uint8Array.of(byte));
});
emulator.add_listener('emulator-ready', () => emulator.run());
