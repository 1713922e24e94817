/**
 * What comes by a disk or by the keyboard is fuzzed like a buffer: a guest that reads a sector and one that reads keys
 * each follow a number without looking whether it is in their table. The commands find that, by the sectors, by the
 * file that lies in them and by the keys, and the log that they leave, one file as the recording is, shows it on
 * another engine too.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import type { TimedInput } from '../../src/core/log/timed-input.ts';
import { type RecordSettings, record } from '../../src/library.ts';
import { inFolder, reprise } from '../cli/command.ts';
import { flatGuest } from '../support/flat-guest.ts';
import { IDE_ISSUE, IDE_WAITS } from '../support/ide-source.ts';

/** Four kinds of records; a fifth one is nowhere. */
const TABLE = `one: inc ebp
  ret
two: add ebp, 2
  ret
three: shl ebp, 1
  ret
four: dec ebp
  ret
align 4
table: dd one, two, three, four
`;

/** The first byte of each 16 of sector 3 is the kind of a record. */
const READER = assemble(
  flatGuest(
    `  cld
  mov ebx, 3
  mov cl, 1
  mov al, 0x20
  call issue
  call await
  mov edi, 0x300000
  mov ecx, 256
  mov dx, 0x1f0
  rep insw
  mov esi, 0x300000
next:
  movzx eax, byte [esi]
  call [table + eax * 4]
  add esi, 16
  cmp esi, 0x300200
  jb next
  mov al, 0
  out 0xf4, al
${IDE_ISSUE}${IDE_WAITS}`,
    TABLE,
  ),
).bytes;

/** Keys 1 to 4 do one thing each, Enter ends it; others are not looked for. */
const TYPIST = assemble(
  flatGuest(
    `next:
  in al, 0x64
  test al, 1
  jz next
  in al, 0x60
  test al, 0x80
  jnz next
  cmp al, 0x1c
  je done
  movzx eax, al
  call [table + eax * 4 - 8]
  jmp next
done:
  mov al, 0
  out 0xf4, al`,
    TABLE,
  ),
).bytes;

const disk = new Uint8Array(16 * 512);
for (let i = 0; i < 512; i++) disk[3 * 512 + i] = i % 16 === 0 ? (i / 16) & 3 : 0x20 + (i % 64);
const typed = (
  [
    ['1', true],
    ['1', false],
    ['4', true],
    ['4', false],
    ['enter', true],
  ] as const
).map(([key, down], i): TimedInput => ({ tick: 4000 + 40_000 * i, event: { kind: 'key', key, down } }));

async function finds(
  kernel: Uint8Array,
  settings: Pick<RecordSettings, 'inputs'> & { readonly drives?: Record<string, Uint8Array> },
  targets: string[][],
): Promise<void> {
  await inFolder(async (cwd) => {
    const { drives = {}, inputs = [] } = settings;
    const images = { kernel, drives };
    const recorded = await record({ images, memoryMegabytes: 4, embed: true, maxTicks: 2_000_000, inputs });
    assert.equal(recorded.debugExit, 0, recorded.reason);
    writeFileSync(join(cwd, 'a.rlog'), recorded.log);
    writeFileSync(join(cwd, 'records'), disk.subarray(3 * 512, 4 * 512));
    for (const target of targets) {
      const words = ['fuzz', 'a.rlog', '--at', '20', ...target, '--runs', '3000', '--findings', '1', '--json'];
      const fuzzed = await reprise([...words, '--corpus', `${target[0].slice(2)}.fuzz`], { cwd });
      assert.equal(fuzzed.status, 1, `${target.join(' ')}: ${fuzzed.stdout}${fuzzed.stderr}`);
      const { log, findings } = JSON.parse(fuzzed.stdout);
      assert.match(findings[0].site, /^(fault|triple-fault|run)/, fuzzed.stdout);
      for (const engine of ['interp', 'tiered']) {
        const again = await reprise(['replay', log, '--engine', engine, '--json'], { cwd });
        assert.equal(again.status, 0, again.stderr);
      }
    }
  });
}

test('sectors of a disk, and the file that lies there', async () => {
  await finds(READER, { drives: { hda: disk } }, [
    ['--sectors', 'hda:3'],
    ['--file', 'records'],
  ]);
});

test('keys', async () => {
  await finds(TYPIST, { inputs: typed }, [['--keyboard', '--max-length', '8']]);
});
