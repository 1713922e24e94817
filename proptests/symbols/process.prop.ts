/**
 * Names that hold in one address space: a guest that calls the same address in two of them, and a kernel in C beside
 * the file of another build of it, whose build ID tells them apart.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assemble } from '../../src/core/isa/assemble.ts';
import { CR3 } from '../../src/core/state/layout.ts';
import { readSymbolFile, splitProcess, symbolsFor } from '../../src/host/symbols/symbol-files.ts';
import { SymbolTable } from '../../src/host/symbols/symbol-table.ts';
import { flatGuest, turnOnPaging } from '../support/flat-guest.ts';
import { debuggerOf } from '../timeline/debugger-fixture.ts';
import { recordRun } from '../timeline/fixture.ts';
import { buildKernel, lineOf, skipKernel } from './kernel/kernel.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-process-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const SPACES = [0x30_0000, 0x30_1000];
const PROGRAM = 0x40_0000;

/** 4 MB at PROGRAM lie at 400000h in one space and at 800000h in the other; below, both are alike. */
const TWO_SPACES = flatGuest(`  mov edi, 0x400000
  call copy
  mov edi, 0x800000
  call copy
  mov dword [0x300000], 0x83
  mov dword [0x301000], 0x83
  mov dword [0x300004], 0x400083
  mov dword [0x301004], 0x800083
${turnOnPaging(0x30_0000)}  mov ecx, 6
again:
  mov eax, cr3
  xor eax, 0x1000
  mov cr3, eax
  mov ebx, 0x400000
  call ebx
  dec ecx
  jnz again
  cli
  hlt
copy:
  mov esi, program
  mov ecx, 4
  rep movsd
  ret
program:
  mov edx, 7
  nop
  ret
  nop
`);

async function twoSpaces(...names: string[]) {
  const { bytes: kernel } = assemble(TWO_SPACES);
  const recorded = await recordRun('two spaces', { images: { kernel }, memoryMegabytes: 16, maxTicks: 5000 });
  const symbols = new SymbolTable();
  for (const name of names) symbols.add(readSymbolFile(join(folder, name)));
  return debuggerOf(recorded, { symbols });
}

writeFileSync(join(folder, 'first.map'), '00400000 T first\n00400005 T first_end\n');
writeFileSync(join(folder, 'second.map'), '00400000 T second\n');

test('a program has its names in its own address space, and its breakpoints stop there alone', async () => {
  const debug = await twoSpaces('first.map@0x300000', 'second.map@0x301000');
  const { cpu } = debug.timeline.machine;
  for (const [i, name] of ['first', 'second'].entries()) {
    await debug.execute('seek start');
    await debug.execute('delete all');
    await debug.execute(`break ${name}`);
    for (let times = 0; times < 3; times++) {
      const { text } = await debug.execute('continue');
      assert.equal(cpu.m32[CR3], SPACES[i]);
      assert.match(text, new RegExp(`<${name}>`));
    }
    await debug.execute('continue');
    assert.notEqual(cpu.m32[0], PROGRAM, 'the other space is no hit');
  }
  // An address is one in every space, and is called by the names of the one that it is met in.
  await debug.execute('seek start');
  await debug.execute('delete all');
  await debug.execute('break 0x400000');
  const met: string[] = [];
  for (let times = 0; times < 6; times++) {
    met.push(/<(first|second)>/.exec((await debug.execute('continue')).text)?.[1] ?? '');
  }
  assert.deepEqual(met, ['second', 'first', 'second', 'first', 'second', 'first']);
  await debug.execute('delete all');
  await debug.execute('break first_end if edx == 8');
  assert.doesNotMatch((await debug.execute('continue')).text, /first_end>/, 'a condition holds besides');
  const { text } = await debug.execute('symbols');
  assert.match(text, /first\.map@0x300000/);
});

test('a process is named behind the last @, and a file of just that name comes first', () => {
  assert.deepEqual(splitProcess('prog@init').process, { kind: 'name', name: 'init' });
  assert.deepEqual(splitProcess('prog+0x1000@17'), { rest: 'prog+0x1000', process: { kind: 'pid', pid: 17 } });
  assert.deepEqual(splitProcess('x@0x1234000').process, { kind: 'space', cr3: 0x123_4000 });
  assert.deepEqual(splitProcess('a@b/prog').process, null);
  assert.deepEqual(splitProcess('x@a-name-of-twenty-ch').process, { kind: 'name', name: 'a-name-of-twent' });
  const path = join(folder, 'a@b');
  writeFileSync(path, '00001000 T f\n');
  assert.equal(splitProcess(path).process, null);
});

test('the file of another build is told once, and addresses go on', { skip: skipKernel }, async () => {
  const built = (id: string): string => {
    const path = join(folder, `kernel-${id}.elf`);
    renameSync(buildKernel(folder, [`-Wl,--build-id=0x${id}`]), path);
    return path;
  };
  const [own, other, stripped] = [built('aaaa0001'), built('aaaa0002'), built('none')];
  const recordedOf = async (path: string) => {
    const kernel = new Uint8Array(readFileSync(path));
    return await recordRun('kernel', { images: { kernel }, memoryMegabytes: 8, maxTicks: 100_000 });
  };
  const recorded = await recordedOf(own);
  const opened = (path: string) => debuggerOf(recorded, { symbols: symbolsFor(new Map(), [path]) });
  const right = opened(own);
  const place = `kernel.c:${lineOf('add')}`;
  assert.match((await right.execute(`break ${place}`)).text, /^breakpoint 1 at/);
  const wrong = opened(other);
  const first = await wrong.execute('seek 100');
  assert.match(first.text, /^note: .*kernel-aaaa0002\.elf is of another build .*aaaa0002.*aaaa0001.*\n/);
  assert.doesNotMatch((await wrong.execute('where')).text, /note:|main|add/);
  await assert.rejects(wrong.execute(`break ${place}`), /No line numbers are known/);
  await assert.rejects(wrong.execute('break main'), /"main" is no register, number or symbol/);
  assert.match((await wrong.execute('break 0x100020')).text, /^breakpoint 1 at 0x00100020$/);
  assert.match((await wrong.execute('symbols')).text, /another build/);
  // A file that says nothing of its build is taken as it is.
  const mute = opened(stripped);
  assert.match((await mute.execute(`break ${place}`)).text, /^breakpoint 1 at/);
});
