/**
 * The host processor as a witness: builds native/witness.c on demand, keeps one process of it and feeds it cases.
 * `witnessAvailable` says in one line why there is none; callers then skip by name with that reason.
 * A case that kills the process (none is known) is found by running its batch again one by one, and comes back as
 * `rejected`. Batches are pipelined; results come in the order of the cases.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CaseResult, FLAT_CODE, FLAT_DATA, initialFx, type MachineCase } from './case.ts';
import { caseBytes, decodeResponse, encodeRequest, HELLO_BYTES, HELLO_MAGIC, REQUEST_BYTES_MAX } from './protocol.ts';

/** Large enough that the pipe costs little, small enough that a response of ordinary cases stays well in its buffer. */
const BATCH_CASE_COUNT = 256;
const BATCHES_IN_FLIGHT = 2;
/** A batch of nothing but endless loops takes 5 s of processor time; a silence ten times as long is a dead witness. */
const SILENCE_MILLISECONDS_MAX = 60_000;

const COMPILE_FLAGS = [
  '-O2',
  '-std=gnu11',
  '-nostdlib',
  '-static-pie',
  '-ffreestanding',
  '-fno-builtin',
  '-fno-stack-protector',
  '-mgeneral-regs-only',
  '-fcf-protection=none',
];

const SETUP_REFUSALS: Record<number, string> = {
  1: 'memfd_create is not permitted',
  2: 'memory could not be mapped',
  3: 'a signal handler could not be installed',
  4: 'modify_ldt is not permitted',
  5: 'setitimer is not permitted',
  6: 'seccomp filters are not permitted',
};

export interface Witness {
  /** Brand and CPUID signature, as printed in reports and stored with vectors. */
  readonly processor: string;
  run(cases: readonly MachineCase[]): Promise<CaseResult[]>;
  close(): void;
}

function sourcePath(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json')))
      return join(folder, 'proptests', 'witnesses', 'silicon', 'native', 'witness.c');
    if (folder === dirname(folder)) throw new Error('package.json not found above the witness');
  }
}

/** The path of the built program, or why it could not be built. */
function build(): { program: string } | { reason: string } {
  if (process.platform !== 'linux') return { reason: `the silicon witness needs Linux, not ${process.platform}` };
  if (process.arch !== 'x64') return { reason: `the silicon witness needs an x86-64 host, not ${process.arch}` };
  const source = sourcePath();
  const hash = createHash('sha256')
    .update(readFileSync(source))
    .update(COMPILE_FLAGS.join(' '))
    .digest('hex')
    .slice(0, 16);
  const user = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `reprise-witness-${user}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const status = lstatSync(folder);
    if (!status.isDirectory() || status.uid !== user) return { reason: `${folder} belongs to somebody else` };
  } catch (error) {
    return { reason: `${folder} cannot be made: ${(error as Error).message}` };
  }
  const program = join(folder, `witness-${hash}`);
  if (existsSync(program)) return { program };
  const unfinished = `${program}.${process.pid}`;
  let said = '';
  for (const compiler of ['gcc', 'cc', 'clang']) {
    const made = spawnSync(compiler, [...COMPILE_FLAGS, '-o', unfinished, source], { encoding: 'utf8' });
    if (made.status === 0) {
      renameSync(unfinished, program);
      return { program };
    }
    rmSync(unfinished, { force: true });
    if (!made.error && !said)
      said = made.stderr.split('\n').find((line) => line.includes('error')) ?? `${compiler} failed`;
  }
  return {
    reason: said
      ? `the silicon witness does not compile: ${said}`
      : 'no C compiler (gcc, cc or clang) to build the silicon witness',
  };
}

function readHello(bytes: Buffer): { processor: string } | { reason: string } {
  if (bytes.length < HELLO_BYTES || bytes.readUInt32LE(0) !== HELLO_MAGIC)
    return { reason: 'the silicon witness does not start' };
  const status = bytes.readUInt32LE(4);
  if (status)
    return { reason: `${SETUP_REFUSALS[status] ?? `step ${status} fails`} here (errno ${bytes.readUInt32LE(8)})` };
  const signature = bytes.readUInt32LE(12).toString(16).padStart(8, '0');
  const brand = bytes.toString('latin1', 16, HELLO_BYTES).replace(/\0+$/, '').trim();
  return { processor: `${brand} ${signature}` };
}

/** INC EAX; HLT: proves that the host really enters 32-bit code. */
function probeCase(): MachineCase {
  return {
    registers: [0x12345678, 0, 0, 0, 0, 0, 0, 0],
    eip: 0x10000000,
    eflags: 0x202,
    selectors: { es: FLAT_DATA, cs: FLAT_CODE, ss: FLAT_DATA, ds: FLAT_DATA, fs: 0, gs: 0 },
    descriptors: [],
    regions: [{ address: 0x10000000, pageCount: 1, writable: true, executable: true, fill: 0xf4 }],
    patches: [{ address: 0x10000000, bytes: Uint8Array.of(0x40) }],
    fx: initialFx(),
    steps: 0,
    end: 0x10000001,
  };
}

let availability: string | null | undefined;

/** null when there is a witness, else one line saying why not. `REPRISE_WITNESS=off` is such a reason. */
export function witnessAvailable(): string | null {
  availability ??= findOut();
  return availability === '' ? null : availability;
}

function findOut(): string {
  if (process.env.REPRISE_WITNESS === 'off') return 'REPRISE_WITNESS=off';
  const built = build();
  if ('reason' in built) return built.reason;
  const probe = probeCase();
  const tried = spawnSync(built.program, [], { input: encodeRequest([probe]), timeout: 20_000 });
  if (tried.error) return `the silicon witness does not start: ${tried.error.message}`;
  const hello = readHello(tried.stdout);
  if ('reason' in hello) return hello.reason;
  const body = tried.stdout.subarray(HELLO_BYTES + 8);
  const result = body.length ? decodeResponse(body, [probe])[0] : undefined;
  return result?.stop === 'completed' && result.registers[0] === 0x12345679 ? '' : 'the host does not run 32-bit code';
}

interface Batch {
  cases: readonly MachineCase[];
  settle: (results: CaseResult[]) => void;
}

/** Starts a witness. Throws with the reason where there is none: ask `witnessAvailable` first. */
export async function openWitness(): Promise<Witness> {
  const reason = witnessAvailable();
  if (reason !== null) throw new Error(`no silicon witness: ${reason}`);
  const built = build();
  if ('reason' in built) throw new Error(`no silicon witness: ${built.reason}`);
  const program = built.program;
  const waiting: Batch[] = [];
  const inFlight: Batch[] = [];
  let child: ChildProcess | null = null;
  let chunks: Buffer[] = [];
  let bufferedBytes = 0;
  let greeted = false;
  let closed = false;
  let silence: NodeJS.Timeout | undefined;
  let greet: (processor: string) => void;
  const processor = new Promise<string>((resolve) => {
    greet = resolve;
  });

  function take(count: number): Buffer {
    const all = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    chunks = all.length > count ? [all.subarray(count)] : [];
    bufferedBytes -= count;
    return all.subarray(0, count);
  }

  function onData(data: Buffer): void {
    chunks.push(data);
    bufferedBytes += data.length;
    if (!greeted) {
      if (bufferedBytes < HELLO_BYTES) return;
      const hello = readHello(take(HELLO_BYTES));
      greeted = true;
      if ('processor' in hello) greet(hello.processor);
    }
    while (bufferedBytes >= 8) {
      if (chunks[0].length < 8) chunks = [Buffer.concat(chunks)];
      const byteLength = chunks[0].readUInt32LE(0);
      if (bufferedBytes < 8 + byteLength) break;
      const body = take(8 + byteLength).subarray(8);
      const batch = inFlight.shift();
      if (!batch) throw new Error('the witness answered what nobody asked');
      batch.settle(decodeResponse(body, batch.cases));
    }
    feed();
  }

  function start(): void {
    const started = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    child = started;
    chunks = [];
    bufferedBytes = 0;
    greeted = false;
    started.stdout.on('data', (data: Buffer) => {
      if (child === started) onData(data);
    });
    started.stdin.on('error', () => {}); // a death shows itself by 'exit'
    started.on('exit', () => {
      if (child === started) onDeath();
    });
  }

  function onDeath(): void {
    child = null;
    const lost = inFlight.splice(0);
    for (const batch of lost.reverse()) {
      if (batch.cases.length === 1) batch.settle([diedResult()]);
      else splitBatch(batch);
    }
    feed();
  }

  /** Each case alone, at the head of the queue: the one that kills is then known. */
  function splitBatch(batch: Batch): void {
    const results: CaseResult[] = [];
    let missing = batch.cases.length;
    const singles = batch.cases.map((single, index) => ({
      cases: [single],
      settle: (one: CaseResult[]) => {
        results[index] = one[0];
        if (--missing === 0) batch.settle(results);
      },
    }));
    waiting.unshift(...singles);
  }

  function feed(): void {
    if (closed) return;
    if (!child && waiting.length > 0) start();
    const limit = waiting[0]?.cases.length === 1 ? 1 : BATCHES_IN_FLIGHT;
    while (child?.stdin && waiting.length > 0 && inFlight.length < limit) {
      const batch = waiting.shift() as Batch;
      inFlight.push(batch);
      child.stdin.write(encodeRequest(batch.cases));
    }
    clearTimeout(silence);
    if (inFlight.length > 0) silence = setTimeout(() => child?.kill('SIGKILL'), SILENCE_MILLISECONDS_MAX);
  }

  start();
  return {
    processor: await processor,
    async run(cases) {
      if (closed) throw new Error('the witness is closed');
      const parts: Promise<CaseResult[]>[] = [];
      for (let first = 0; first < cases.length; ) {
        let last = first;
        let bytes = 0;
        while (last < cases.length && last - first < BATCH_CASE_COUNT) {
          const next = caseBytes(cases[last]);
          if (last > first && bytes + next > REQUEST_BYTES_MAX) break;
          bytes += next;
          last++;
        }
        const batch = cases.slice(first, last);
        parts.push(new Promise((settle) => waiting.push({ cases: batch, settle })));
        first = last;
      }
      feed();
      return (await Promise.all(parts)).flat();
    },
    close() {
      closed = true;
      clearTimeout(silence);
      child?.stdin?.end();
      child = null;
    },
  };
}

function diedResult(): CaseResult {
  return {
    stop: 'rejected',
    registers: [0, 0, 0, 0, 0, 0, 0, 0],
    eip: 0,
    eflags: 0,
    selectors: { es: 0, cs: 0, ss: 0, ds: 0, fs: 0, gs: 0 },
    fx: initialFx(),
    fault: null,
    stepCount: 0,
    changes: [],
    reason: 'the witness died of this case',
  };
}
