/**
 * A second opinion on protection: the guest second-opinion.S runs on Reprise and on QEMU, and every line that differs
 * must be one of the known mistakes of QEMU below, where the manual (SDM 2, SDM 3 chapter 5) decides against it.
 *
 * Run by proptests/ci-extra.mjs as `node proptests/witnesses/emulators/second-opinion.mjs FOLDER`; needs gcc and
 * qemu-system-i386.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(dirname(here)));
const folder = process.argv[2] ?? '.';
const shownMax = 20;

// Fields of a line.
const OP = 0;
const LEVEL = 1;
const CASE = 2;
const VECTOR = 3;
const EIP = 5;
const FLAGS = 7;

const number = (text) => Number.parseInt(text.replace(':', ''), 16);
const hex = (value) => (value >>> 0).toString(16).padStart(8, '0');

/** Field of EAX: the frame of a level change has two items more. */
const eaxOf = (line) => ((number(line[6]) & 3) !== 0 ? 11 : 9);

/** What QEMU does otherwise, as changes that make both lines equal. Each names its rule. */
const known = [
  // Faults push RF = 1 (SDM 3, 17.3.1.1).
  (line) => {
    line[FLAGS] = hex(number(line[FLAGS]) & ~0x10000);
  },
  // LAR: bits 19-16 are undefined; silicon shows the limit there.
  (line) => {
    if (line[OP] === '00000002') line[eaxOf(line)] = hex(number(line[eaxOf(line)]) & ~0xf0000);
  },
  // IRETD at level 0 loads VIF and VIP.
  (line) => {
    if (line[OP] !== '00000070') return;
    for (const field of [FLAGS, eaxOf(line), eaxOf(line) + 1]) line[field] = hex(number(line[field]) & ~0x180000);
  },
];

/** Whether the difference is one that no change of fields shows. */
function isKnown(qemu, ours) {
  const op = number(ours[OP]);
  const vectors = [number(qemu[VECTOR]), number(ours[VECTOR])].join();
  // Reading and writing through null, execute-only and read-only segments is not checked by QEMU: 128 and 13.
  if (op === 0xf || op === 0x10) return vectors === '128,13';
  // 16-bit gates: QEMU takes all 32 bits of the offset, so EAX lacks the mark of the copy below 64 KiB.
  if (op === 0x64) return [6, 7].includes(number(ours[CASE]) & 0x1f) && qemu[VECTOR] === ours[VECTOR];
  if (op === 0x65) {
    const wide = (number(ours[CASE]) & 4) !== 0;
    if (!wide && vectors === '128,128' && (number(qemu[EIP]) & 0xffff) === number(ours[EIP])) return true;
    // CALL through a gate to conforming code stays at its level; QEMU goes to the DPL of the code.
    return ours[LEVEL] === '00000001' && vectors === '128,128' && (number(ours[6]) & 3) === 3;
  }
  // JMP through a gate to absent code is #NP, not #GP.
  if (op === 0x66) {
    if ((number(ours[CASE]) & 4) === 0 && vectors === '128,128') return true;
    return vectors === '13,11';
  }
  // RETF to an absent stack is #SS, not #NP.
  if (op === 0x69 || op === 0x6a) return vectors === '11,12';
  return false;
}

function run(command, args) {
  const ended = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], timeout: 600_000 });
  if (ended.error !== undefined) throw ended.error;
  return ended.status;
}

const kernel = join(folder, 'second-opinion.elf');
const flags = '-m32 -nostdlib -static -no-pie -Wl,-Ttext=0x100000,-N,--build-id=none,--no-warn-rwx-segments'.split(' ');
if (run('gcc', [...flags, '-o', kernel, join(here, 'second-opinion.S')]) !== 0) process.exit(1);
const files = { qemu: join(folder, 'qemu.txt'), ours: join(folder, 'reprise.txt') };
const qemuOptions = '-accel tcg -cpu qemu32 -m 64 -display none -no-reboot -serial none -monitor none';
run('qemu-system-i386', [
  ...qemuOptions.split(' '),
  ...['-device', 'isa-debug-exit,iobase=0xf4', '-debugcon', `file:${files.qemu}`, '-kernel', kernel],
]);
const options = '--memory 64 --serial none --no-reboot --max-ticks 2000000000'.split(' ');
run('node', ['src/host/reprise.mjs', 'run', '--kernel', kernel, ...options, '--debugcon', `file:${files.ours}`]);

const read = (path) => readFileSync(path, 'latin1').trimEnd().split('\n');
const [qemu, ours] = [read(files.qemu), read(files.ours)];
let differences = 0;
let excused = 0;
for (let at = 0; at < Math.max(qemu.length, ours.length); at++) {
  if (qemu[at] === ours[at]) continue;
  const lines = [qemu[at] ?? '', ours[at] ?? ''].map((text) => text.trim().split(' '));
  if (lines.every((line) => line.length > FLAGS + 4)) {
    for (const change of known) for (const line of lines) change(line);
    if (lines[0].join() === lines[1].join()) continue;
    if (isKnown(...lines)) {
      excused++;
      continue;
    }
  }
  if (differences++ < shownMax) console.log(`QEMU    ${qemu[at]}\nReprise ${ours[at]}`);
}
console.log(`${ours.length} tests: ${differences} differ, ${excused} differ where QEMU is known to be wrong`);
if (differences > 0 || ours.length < 130_000) process.exit(1);
