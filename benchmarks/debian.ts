/**
 * The Debian guest as a program of the benchmarks: one boot, and then workloads of its shell, one after another, each
 * between the line `go` and the line of its checksum. The boot has no `go`: it begins with the process. Needs the
 * guest's images (npm run guests -- debian), which are never committed.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const DEBIAN = 'debian';
/** What the kernel and its userland need. */
export const DEBIAN_MEGABYTES = 256;
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = join(root, 'guests/cache/debian');

/** The shell of the guest; what a workload prints is what is summed. No double quotes: they end the command. */
const WORKLOADS: readonly (readonly [name: string, command: string])[] = [
  ['shell', 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; echo $i'],
  ['gzip', 'gzip -c /d | gunzip -c'],
  ['bzip2', 'bzip2 -c /d | bunzip2 -c'],
  ['sha256sum', 'for i in 1 2 3 4 5 6; do sha256sum /d; done'],
  ['awk', "awk 'BEGIN { for (i = 0; i < 200000; i++) s += i * i % 7; print s }'"],
  ['forks', 'i=0; while [ $i -lt 200 ]; do i=$((i+1)); /bin/echo $i; done'],
  ['pipes', 'seq 1 20000 | tr 1-5 6-9x | sort | uniq -c | sort -n | tail -n 40'],
];
/** In the order in which they end. */
export const DEBIAN_SECTIONS: readonly string[] = ['boot', ...WORKLOADS.map(([name]) => name)];

export const debianImages = { kernel: join(folder, 'vmlinuz'), initrd: join(folder, 'initrd.gz') };
/** Why it cannot be had here; ''. */
export const debianProblem = (): string =>
  Object.values(debianImages).every((path) => existsSync(path)) ? '' : 'no Debian guest: npm run guests -- debian';

export const debianCommandLine = (): string => {
  const one = ([name, command]: (typeof WORKLOADS)[number]): string =>
    `echo go; (${command}) | md5sum | sed 's/^\\(........\\).*/${name}: \\1/'`;
  return `console=ttyS0 quiet run="seq 1 100000 >/d; echo boot: 00000000; ${WORKLOADS.map(one).join('; ')}"`;
};
