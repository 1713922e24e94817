/**
 * What bad input gets: whatever is wrong with options, images, scripts or logs, one sentence that says what was
 * expected and what to do, status 2, nothing overwritten or left behind, no stack, no hang.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildGuest } from '../../src/host/node/guest-images.ts';
import { record } from '../../src/library.ts';
import { inFolder, reprise } from './command.ts';

const kernel = buildGuest('echo');
const settings = { images: { kernel }, memoryMegabytes: 4, maxTicks: 50_000, hashEveryTicks: 10_000 };

function patched(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

/** The setup header of a bzImage and nothing behind it. */
function linuxHeader(sizeBytes: number): Uint8Array {
  const image = new Uint8Array(sizeBytes);
  image.set([0x48, 0x64, 0x72, 0x53, 0x0f, 0x02], 0x202); // "HdrS", protocol 2.15
  image[0x1f1] = 4; // setup sectors
  image[0x211] = 1; // loaded high
  image.set([0, 0, 1, 0], 0x1f4); // a MiB of code, in paragraphs
  image.set([0, 0, 0x10, 0], 0x214);
  image.set([0x55, 0xaa, 0xeb, 0x6a], 0x1fe);
  return image;
}

async function makeFiles(folder: string): Promise<void> {
  const write = (name: string, bytes: Uint8Array | string): void => writeFileSync(join(folder, name), bytes);
  const good = (await record(settings)).log;
  const foreign = (await record({ ...settings, embed: true })).log;
  write('kernel.bin', kernel);
  write('empty.bin', '');
  write('text.txt', 'this is no kernel\n'.repeat(100));
  write('checksum.bin', patched(kernel, 8, kernel[8] ^ 1));
  write('flags.bin', patched(patched(kernel, 4, 0xff), 8, kernel[8]));
  write('elf.bin', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0, 0, 0));
  write('bzimage-cut', linuxHeader(0x800));
  write('bzimage-stub', linuxHeader(0x218));
  write('large.bin', new Uint8Array(6 << 20));
  write('bios.bin', new Uint8Array(1000));
  write('good.rlog', good);
  // Away from the files that could be its image.
  mkdirSync(join(folder, 'apart'));
  write('apart/good.rlog', good);
  write('cut.rlog', good.subarray(0, 20));
  write('flipped.rlog', patched(good, 200, good[200] ^ 4));
  write('late.rlog', patched(foreign, foreign.length >> 1, foreign[foreign.length >> 1] ^ 1));
  write('newer.rlog', patched(good, 6, 99));
  write('zeros.rlog', new Uint8Array(5000));
  write('bad-script', 'at noon serial "x"\n');
  write('bad-text', 'when "x serial "y"\n');
  write('serial.out', 'precious');
  mkdirSync(join(folder, 'directory'));
}

/** Command line, and what the sentence must say. */
const CASES: readonly (readonly [words: string, says: RegExp])[] = [
  ['frobnicate', /no verb "frobnicate".*--help/],
  ['reply good.rlog', /did you mean replay/],
  ['run', /nothing to boot.*--kernel/],
  ['run --kernal kernel.bin', /no option --kernal.*--kernel/],
  ['run -k kernel.bin', /no option -k/],
  ['run --kernel', /--kernel needs a value/],
  ['run --kernel --memory 16', /--kernel needs a value/],
  ['run --kernel kernel.bin extra', /"extra" is too much/],
  ['run --kernel kernel.bin --memory 0', /--memory wants a whole number from 1/],
  ['run --kernel kernel.bin --memory 99999', /--memory wants a whole number/],
  ['run --kernel kernel.bin --memory lots', /--memory wants a whole number.*"lots"/],
  ['run --kernel kernel.bin --memory 4 --memory 8', /--memory is given twice/],
  ['run --kernel kernel.bin --no-reboot=yes', /--no-reboot takes no value/],
  ['run --kernel kernel.bin --ns-per-tick 3', /power of two/],
  ['run --kernel kernel.bin --epoch tomorrow', /--epoch wants a date.*"tomorrow"/],
  ['run --kernel kernel.bin --engine warp', /no engine "warp".*interp/],
  ['run --kernel kernel.bin --tier-policy speed=9', /no tier policy "speed".*threshold.*region/],
  ['run --kernel kernel.bin --tier-policy threshold', /threshold wants a whole number/],
  ['run --kernel kernel.bin --tier-policy region=0', /region goes from 1/],
  ['run --kernel kernel.bin --tier-policy=', /--tier-policy wants knobs/],
  ['run --kernel kernel.bin --engine interp --tier-policy threshold=1', /interp has no tiers.*js, wasm, tiered/],
  ['verify good.rlog --engines interp,step --tier-policy threshold=1', /interp has no tiers/],
  ['run --kernel kernel.bin --pace fast', /--pace is one of real, none/],
  ['run --kernel kernel.bin --serial modem', /--serial is stdio, file:FILE or none/],
  ['run --kernel kernel.bin --serial file:serial.out', /serial\.out.*exists/],
  ['run --kernel kernel.bin --serial file:no/such/dir', /no\/such\/dir/],
  ['run --kernel kernel.bin --bios bios.bin', /exclude each other/],
  ['run --kernel missing.bin', /missing\.bin.*no such file/],
  ['run --kernel directory', /directory is a directory/],
  ['run --kernel /dev/zero', /no regular file/],
  ['run --kernel empty.bin', /empty.*expected/],
  ['run --kernel text.txt', /expected a Linux bzImage/],
  ['run --kernel elf.bin', /ELF.*expected/],
  ['run --kernel checksum.bin', /multiboot|expected/],
  ['run --kernel flags.bin', /multiboot|expected/],
  ['run --kernel bzimage-cut', /truncated|cut off/],
  ['run --kernel bzimage-stub', /truncated|cut off|corrupt/],
  ['run --kernel large.bin', /expected/],
  ['run --kernel kernel.bin --initrd large.bin --memory 4', /--memory \d+/],
  ['run --kernel kernel.bin --initrd missing.img', /missing\.img.*no such file/],
  ['run --bios bios.bin', /1000 bytes.*from 64 KiB to 16 MiB/],
  ['run --bios empty.bin', /0 bytes.*expected/],
  ['run --kernel kernel.bin --input missing', /input script missing/],
  ['run --kernel kernel.bin --input bad-script', /Line 1.*tick/],
  ['run --kernel kernel.bin --input bad-text', /Line 1/],
  ['record', /needs LOG/],
  ['record good.rlog --kernel kernel.bin', /good\.rlog exists and is never overwritten/],
  ['record directory --kernel kernel.bin', /directory is a directory/],
  ['record no/such/new.rlog --kernel kernel.bin', /cannot be created/],
  ['record new.rlog --kernel text.txt', /expected a Linux bzImage/],
  ['record new.rlog --kernel kernel.bin --profile tiny', /--profile is one of full, checked, inputs/],
  ['run --kernel kernel.bin --serial file:new --debugcon file:', /--debugcon is stdio, file:FILE or none/],
  ['run --kernel kernel.bin --serial file:new --debugcon file:./new', /new is to have two outputs/],
  ['run --kernel kernel.bin --serial file:new --stop-on elsewhere', /A run stops on serial:/],
  ['run --kernel kernel.bin --serial file:no/such/new', /file of --serial no\/such\/new cannot be created/],
  ['run --kernel kernel.bin --serial file:new --hda large.bin --overlay no/such', /overlay no\/such cannot be created/],
  ['record no/such/new.rlog --kernel kernel.bin --serial file:new', /log no\/such\/new\.rlog cannot be created/],
  ['record new.rlog --kernel kernel.bin --serial file:text.txt/new', /a part of the path is no folder/],
  ['replay good.rlog --serial file:new --overlay new', /the machine has no hda/],
  ['replay good.rlog --serial file:new --debugcon file:text.txt', /text\.txt cannot be created, it exists/],
  ['replay', /needs LOG/],
  ['replay missing.rlog', /no such file/],
  ['replay directory', /is a directory/],
  ['replay empty.bin', /empty/],
  ['replay text.txt', /not a Reprise log/],
  ['replay zeros.rlog', /not a Reprise log/],
  ['replay cut.rlog', /cut off/],
  ['replay flipped.rlog', /Frame 0.*damaged/],
  ['replay late.rlog', /damaged.*--salvage/],
  ['run --kernel kernel.bin --symbols kernel.bin', /--symbols names places for gdb: give --gdb PORT too/],
  ['run --kernel kernel.bin --memory 2032 --vga std', /2032 MB of memory, and beside its screen.* 2027 MB can be had/],
  ['record a.rlog --kernel kernel.bin --memory 2031 --vga std --hda large.bin', / 2026 MB can be had/],
  ['replay newer.rlog', /format 99.*newer version|damaged/],
  ['replay apart/good.rlog', /needs the kernel image "kernel" \(960 bytes, SHA-256 [0-9a-f]{64}\).*apart.*--image/],
  ['replay apart/good.rlog --image directory', /no file that was given is it/],
  ['replay apart/good.rlog --image missing', /no such file/],
  ['replay apart/good.rlog --kernel text.txt', /no file that was given is it/],
  ['replay apart/good.rlog --kernel missing.bin', /no such file/],
  ['replay good.rlog --devices none', /--devices is one of model, log/],
  ['info flipped.rlog', /damaged/],
  ['info text.txt', /not a Reprise log/],
  ['events good.rlog --kind sparks', /no kind of event "sparks"/],
  ['events good.rlog --from 9 --to 3', /before --from/],
  ['events good.rlog --limit -1', /--limit wants/],
  ['events cut.rlog', /cut off/],
  ['explain', /needs HEX/],
  ['explain xyz', /hexadecimal digits/],
  ['explain 8b4', /odd/],
  ['explain 90 --file kernel.bin', /--file or HEX, not both/],
  ['explain 90 --offset 3', /--offset is a place in a file/],
  ['explain 90 --raw', /--raw is about standard input/],
  ['explain --file nowhere', /nowhere cannot be used, there is no such file/],
  ['explain --file kernel.bin --offset 99999999', /lies behind them/],
  ['explain nowhere.rlog@5', /nowhere\.rlog cannot be used/],
  ['explain 90 --bits 64', /--bits is one of 16, 32/],
];

/** Two of the machines that the advice above leads to. */
const ADVISED = ['--memory 2027 --vga std', '--memory 2026 --vga std --hda large.bin'];

/** Every how many mistakes one is also made in a process of its own. */
const ALONE_EVERY = 20;

test('what the advice for a machine that is too large says is possible is possible', async () => {
  await inFolder(async (folder) => {
    await makeFiles(folder);
    for (const line of ADVISED) {
      const words = `run --kernel kernel.bin --serial none --max-ticks 1000 ${line}`.split(' ');
      const { status, stderr } = await reprise(words, { cwd: folder, timeoutMs: 60_000 });
      assert.equal(status, 0, `${line}: ${stderr}`);
    }
  });
});

test(`${CASES.length} mistakes get one sentence each, status 2, and change nothing`, async () => {
  await inFolder(async (folder) => {
    await makeFiles(folder);
    const state = (): string[] =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .sort()
        .map((name) =>
          statSync(join(folder, name)).isDirectory()
            ? name
            : `${name} ${readFileSync(join(folder, name)).toString('base64')}`,
        );
    const before = state();
    const problems: string[] = [];
    for (const [index, [line, says]] of CASES.entries()) {
      const words = line.split(' ');
      const { status, stdout, stderr } = await reprise(words, { cwd: folder, timeoutMs: 30_000 });
      const sentence = stderr.trimEnd();
      const isOneSentence = sentence.startsWith('reprise: ') && !sentence.includes('\n') && /[.)]$/.test(sentence);
      const hasStack = /\bat .*\.js:\d+|node:internal|this is a bug/.test(stderr);
      if (status !== 2 || stdout !== '' || !says.test(sentence) || !isOneSentence || hasStack) {
        problems.push(
          `reprise ${line}\n  status ${status}, stdout ${JSON.stringify(stdout)}\n  ${stderr}\n  expected ${says}`,
        );
      }
      if (index % ALONE_EVERY !== 0) continue;
      const alone = await reprise(words, { cwd: folder, timeoutMs: 30_000, isAlone: true });
      assert.deepEqual([alone.status, alone.stdout, alone.stderr], [status, stdout, stderr], line);
    }
    assert.equal(problems.join('\n'), '');
    assert.deepEqual(state(), before, 'no file changed, none was left behind');
  });
});
