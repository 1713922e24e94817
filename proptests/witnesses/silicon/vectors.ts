/**
 * Vectors: cases with what silicon answered, committed so that hosts without an x86 processor test against it too.
 * A file is a header (magic, version, CRC-32C, length) and one deflated msgpack value. A case is stored as its
 * difference from `backgroundCase(seed)`, a result as its difference from its case, so that most of a vector is what
 * the instruction did. Reader and writer stand together. Anything wrong with a file is a VectorFileError naming it.
 */
import { SEGMENTS } from '../../../src/core/base/names.ts';
import { deflateSync, inflateSync } from 'fflate';
import { Packr } from 'msgpackr';
import { crc32c } from '../../../src/core/log/crc32c.ts';
import { backgroundCase } from './background.ts';
import {
  type CaseResult,
  type Fault,
  FX_BYTES,
  initialFx,
  type LdtDescriptor,
  type MachineCase,
  type MemoryBytes,
  type Stop,
} from './case.ts';

export const VECTOR_VERSION = 1;
const MAGIC = 0x31565052; // "RPV1"
const HEADER_BYTES = 16;

/** What of a result is not defined by the architecture, or not seen by the witness. */
export interface Tolerance {
  /** EFLAGS bits not compared. */
  flags: number;
  /** Bit i: general register i is not compared. */
  registers: number;
  /** FSW bits not compared. */
  statusWord: number;
  /** Allowed distance of ST registers in units of the last place (transcendental instructions). */
  x87Ulps: number;
  /** XMM registers hold approximations (RCP, RSQRT): singles are compared to a relative error of 2^-10. */
  xmmApproximate: boolean;
  /** Which of several faults of one instruction comes first is not compared (AMD's order is not the manual's). */
  faultOrder: boolean;
  /** Memory not compared. */
  memory: { address: number; byteLength: number }[];
}

export const EXACT: Tolerance = {
  flags: 0,
  registers: 0,
  statusWord: 0,
  x87Ulps: 0,
  xmmApproximate: false,
  faultOrder: false,
  memory: [],
};

export interface Vector {
  /** Row, form and what is special: what a failure prints and a coverage report counts. */
  label: string;
  /** Of the background the case was made from. */
  seed: number;
  machineCase: MachineCase;
  result: CaseResult;
  tolerance: Tolerance;
}

export interface VectorFile {
  /** The processor that answered. */
  processor: string;
  vectors: Vector[];
}

export class VectorFileError extends Error {
  readonly fileName: string;
  constructor(fileName: string, what: string) {
    super(`${fileName}: ${what}; take the vectors again with npm run witness, or restore the committed file`);
    this.name = 'VectorFileError';
    this.fileName = fileName;
  }
}

const STOPS: readonly Stop[] = ['completed', 'stepped', 'fault', 'timeout', 'syscall', 'rejected'];
const KINDS: readonly LdtDescriptor['kind'][] = ['data', 'stack', 'code', 'conforming'];
const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: false });

// ---- numbers: a bit mask of those that differ, then their values ----

type Numbers = number[];

function caseNumbers(c: MachineCase): Numbers {
  return [...c.registers, c.eip, c.eflags, ...SEGMENTS.map((name) => c.selectors[name]), c.steps, c.end];
}

function resultNumbers(r: CaseResult): Numbers {
  return [...r.registers, r.eip, r.eflags, ...SEGMENTS.map((name) => r.selectors[name]), r.stepCount, -1];
}

function differences(base: Numbers, value: Numbers): Numbers {
  const changed: Numbers = [];
  let mask = 0;
  value.forEach((v, i) => {
    if (v === base[i]) return;
    mask |= 1 << i;
    changed.push(v);
  });
  return [mask, ...changed];
}

function withDifferences(base: Numbers, [mask, ...changed]: Numbers): Numbers {
  let next = 0;
  return base.map((v, i) => (mask & (1 << i) ? changed[next++] : v));
}

function selectorsOf(numbers: Numbers) {
  const [es, cs, ss, ds, fs, gs] = numbers.slice(10, 16);
  return { es, cs, ss, ds, fs, gs };
}

// ---- bytes: runs that differ, as offset and contents ----

type Runs = (number | Uint8Array)[];

function byteRuns(base: Uint8Array, value: Uint8Array): Runs {
  const runs: Runs = [];
  for (let i = 0; i < value.length; ) {
    if (value[i] === base[i]) {
      i++;
      continue;
    }
    const first = i;
    // A gap shorter than the three bytes of another run's header is cheaper carried along.
    for (let gap = 0; i < value.length && gap < 4; i++) gap = value[i] === base[i] ? gap + 1 : 0;
    runs.push(first, value.slice(first, i));
  }
  return runs;
}

function withRuns(base: Uint8Array, runs: Runs): Uint8Array {
  const value = base.slice();
  for (let i = 0; i < runs.length; i += 2) value.set(runs[i + 1] as Uint8Array, runs[i] as number);
  return value;
}

function memoryToWire(list: readonly MemoryBytes[]): Runs {
  return list.flatMap(({ address, bytes }) => [address, bytes]);
}

function memoryFromWire(runs: Runs): MemoryBytes[] {
  const list: MemoryBytes[] = [];
  for (let i = 0; i < runs.length; i += 2)
    list.push({ address: runs[i] as number, bytes: Uint8Array.from(runs[i + 1] as Uint8Array) });
  return list;
}

// ---- vectors ----

function descriptorToWire(d: LdtDescriptor): Numbers {
  const bits =
    KINDS.indexOf(d.kind) | (d.open ? 4 : 0) | (d.big ? 8 : 0) | (d.granular ? 16 : 0) | (d.present ? 32 : 0);
  return [d.index, d.base, d.limit, bits];
}

function descriptorFromWire([index, base, limit, bits]: Numbers): LdtDescriptor {
  return {
    index,
    base,
    limit,
    kind: KINDS[bits & 3],
    open: !!(bits & 4),
    big: !!(bits & 8),
    granular: !!(bits & 16),
    present: !!(bits & 32),
  };
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Fields of a stored vector, in order; `null` stands for "as the background has it" or "nothing". */
type Wire = [
  label: number,
  seed: number,
  numbers: Numbers,
  descriptors: Numbers[] | null,
  regions: Numbers[] | null,
  patches: Runs,
  fx: Runs | null,
  stop: number,
  resultNumbers: Numbers,
  fault: Numbers | null,
  resultFx: Runs,
  changes: Runs,
  tolerance: (number | Numbers)[] | null,
];

function toWire(v: Vector, label: number): Wire {
  const { machineCase: c, result: r, tolerance: t } = v;
  const background = backgroundCase(v.seed);
  const regions = sameJson(c.regions, background.regions)
    ? null
    : c.regions.map((m) => [m.address, m.pageCount, (m.writable ? 1 : 0) | (m.executable ? 2 : 0), m.fill]);
  return [
    label,
    v.seed,
    differences(caseNumbers(background), caseNumbers(c)),
    c.descriptors.length ? c.descriptors.map(descriptorToWire) : null,
    regions,
    memoryToWire(c.patches),
    c.fx ? byteRuns(background.fx as Uint8Array, c.fx) : null,
    STOPS.indexOf(r.stop),
    differences(caseNumbers(c), resultNumbers(r)),
    r.fault ? [r.fault.vector, r.fault.errorCode, r.fault.cr2] : null,
    byteRuns(c.fx ?? initialFx(), r.fx),
    memoryToWire(r.changes),
    sameJson(t, EXACT)
      ? null
      : [
          t.flags,
          t.registers,
          t.statusWord,
          t.x87Ulps,
          (t.xmmApproximate ? 1 : 0) | (t.faultOrder ? 2 : 0),
          t.memory.flatMap((m) => [m.address, m.byteLength]),
        ],
  ];
}

function fromWire(w: Wire, labels: readonly string[]): Vector {
  const [label, seed, numbers, descriptors, regions, patches, fx, stop, after, fault, resultFx, changes, tolerance] = w;
  const background = backgroundCase(seed);
  const n = withDifferences(caseNumbers(background), numbers);
  const machineCase: MachineCase = {
    registers: n.slice(0, 8),
    eip: n[8],
    eflags: n[9],
    selectors: selectorsOf(n),
    descriptors: (descriptors ?? []).map(descriptorFromWire),
    regions: regions
      ? regions.map(([address, pageCount, bits, fill]) => ({
          address,
          pageCount,
          writable: !!(bits & 1),
          executable: !!(bits & 2),
          fill,
        }))
      : background.regions,
    patches: memoryFromWire(patches),
    fx: fx ? withRuns(background.fx as Uint8Array, fx) : null,
    steps: n[16],
    end: n[17],
  };
  const m = withDifferences(n, after);
  const result: CaseResult = {
    stop: STOPS[stop],
    registers: m.slice(0, 8),
    eip: m[8],
    eflags: m[9],
    selectors: selectorsOf(m),
    fx: withRuns(machineCase.fx ?? initialFx(), resultFx),
    fault: fault ? ({ vector: fault[0], errorCode: fault[1], cr2: fault[2] } satisfies Fault) : null,
    stepCount: m[16],
    changes: memoryFromWire(changes),
    reason: '',
  };
  return { label: labels[label], seed, machineCase, result, tolerance: toleranceFromWire(tolerance) };
}

function toleranceFromWire(wire: Wire[12]): Tolerance {
  if (!wire) return EXACT;
  const [flags, registers, statusWord, x87Ulps, bits] = wire as number[];
  const pairs = wire[5] as Numbers;
  const memory = [];
  for (let i = 0; i < pairs.length; i += 2) memory.push({ address: pairs[i], byteLength: pairs[i + 1] });
  return { flags, registers, statusWord, x87Ulps, xmmApproximate: !!(bits & 1), faultOrder: !!(bits & 2), memory };
}

/** Vectors with the same label should stand together: it compresses better and reads better. */
export function writeVectors(file: VectorFile): Uint8Array {
  const labels = [...new Set(file.vectors.map((v) => v.label))];
  const numberOf = new Map(labels.map((label, index) => [label, index]));
  for (const v of file.vectors)
    if (v.result.stop === 'rejected' || v.result.stop === 'timeout')
      throw new RangeError(`${v.label}: ${v.result.stop} is no answer of silicon`);
  const packed = packr.pack([
    file.processor,
    labels,
    file.vectors.map((v) => toWire(v, numberOf.get(v.label) as number)),
  ]);
  const payload = deflateSync(packed, { level: 9, mem: 12 });
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VECTOR_VERSION, true);
  view.setUint32(8, crc32c(payload, 0, payload.length) >>> 0, true);
  view.setUint32(12, payload.length, true);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** `fileName` is for the error alone. */
export function readVectors(bytes: Uint8Array, fileName: string): VectorFile {
  const fail = (what: string) => new VectorFileError(fileName, what);
  if (bytes.length < HEADER_BYTES) throw fail(`only ${bytes.length} bytes long, not a vector file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw fail('not a vector file (wrong magic)');
  const version = view.getUint32(4, true);
  if (version !== VECTOR_VERSION) throw fail(`format version ${version}, this reader knows ${VECTOR_VERSION}`);
  const length = view.getUint32(12, true);
  if (bytes.length - HEADER_BYTES !== length)
    throw fail(`holds ${bytes.length - HEADER_BYTES} bytes of payload instead of ${length}`);
  const payload = bytes.subarray(HEADER_BYTES);
  if (crc32c(payload, 0, payload.length) >>> 0 !== view.getUint32(8, true))
    throw fail('damaged (checksum does not match)');
  const [processor, labels, wires] = packr.unpack(inflateSync(payload)) as [string, string[], Wire[]];
  const vectors = wires.map((wire) => fromWire(wire, labels));
  for (const v of vectors)
    if (v.result.fx.length !== FX_BYTES) throw fail(`${v.label}: FX image of ${v.result.fx.length} bytes`);
  return { processor, vectors };
}
