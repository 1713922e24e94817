/**
 * Builds the kernel beside this with gcc, in the version of DWARF and at the level of optimisation that a test wants,
 * and knows its lines by their marks. Tests that need it are skipped by name where gcc cannot build for 32 bits.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../support/poison.ts';

const SOURCE = join(projectRoot, 'proptests/symbols/kernel/kernel.c');
export const KERNEL_SOURCE: readonly string[] = readFileSync(SOURCE, 'utf8').split('\n');

const FLAGS = ['-m32', '-ffreestanding', '-fno-pic', '-fno-stack-protector', '-fcf-protection=none', '-nostdlib'];
const LINK = ['-static', '-no-pie', '-Wl,-z,noexecstack', '-Wl,--no-warn-rwx-segments'];

/** For `skip` of a test: false, or why it cannot run. */
export const skipKernel: string | false = canBuild() ? false : 'gcc for 32 bits is not installed';

function canBuild(): boolean {
  const made = spawnSync('gcc', ['-m32', '-x', 'c', '-c', '-o', '/dev/null', '-'], { input: 'int x;' });
  return made.status === 0;
}

/** Number of the line with this mark. */
export function lineOf(mark: string): number {
  const index = KERNEL_SOURCE.findIndex((text) => text.includes(`/* mark: ${mark} */`));
  if (index < 0) throw new Error(`no line has the mark ${mark}`);
  return index + 1;
}

/** Builds it in a folder: the ELF file's path. The source lies beside it. */
export function buildKernel(folder: string, options: readonly string[] = []): string {
  writeFileSync(join(folder, 'kernel.c'), KERNEL_SOURCE.join('\n'));
  writeFileSync(
    join(folder, 'kernel.ld'),
    'ENTRY(_start) SECTIONS { . = 0x100000; .text : { *(.multiboot) *(.text*) } .rodata : { *(.rodata*) } ' +
      '.eh_frame : { *(.eh_frame) } .data : { *(.data*) } .bss : { *(.bss*) *(COMMON) } }\n',
  );
  const all = [
    ...FLAGS,
    '-O0',
    '-g',
    '-Wl,--build-id=none',
    ...options,
    ...LINK,
    '-Wl,-T,kernel.ld',
    '-o',
    'kernel.elf',
    'kernel.c',
  ];
  execFileSync('gcc', all, { cwd: folder, stdio: 'pipe' });
  return join(folder, 'kernel.elf');
}
