/**
 * What recording and replaying cost: the same run live, recorded in every profile, and replayed, on the built-in guest
 * that does the most I/O and on one that does hardly any. Ratios are of pairs that ran one after the other, median of
 * nine, so that a busy host moves both sides. Boot and building the machine are outside of what is measured.
 */
import { performance } from 'node:perf_hooks';
import { SILENT_OUTPUT } from '../src/core/board/silent.ts';
import { LivePort } from '../src/core/session/live-port.ts';
import { RecordingPort } from '../src/core/session/recording-port.ts';
import type { InputPort } from '../src/core/machine/door.ts';
import { LogWriter, openLog } from '../src/core/log/log.ts';
import type { LogProfile, MachineManifest } from '../src/core/log/manifest.ts';
import { createReplay, type EngineFactory, Session } from '../src/core/session/session.ts';
import { loadEngine } from '../src/engines.ts';
import { buildGuest } from '../src/host/node/guest-images.ts';
import { record } from '../src/library.ts';

const GUESTS = ['interrupts', 'mix'];
const PROFILES: readonly LogProfile[] = ['full', 'checked', 'inputs'];
const PAIRS = 9;
const TICKS_MAX = 2 ** 32;

interface Prepared {
  readonly manifest: MachineManifest;
  readonly images: ReadonlyMap<string, Uint8Array>;
  readonly log: Uint8Array;
  readonly makeEngine: EngineFactory;
}

function live(prepared: Prepared, port: InputPort): () => void {
  const session = new Session({ ...prepared, port, output: SILENT_OUTPUT });
  return () => void session.end(session.advance(TICKS_MAX));
}

function recording(prepared: Prepared, profile: LogProfile): () => void {
  const writer = new LogWriter(() => {}, { creator: 'benchmark', profile, machine: prepared.manifest });
  return live(prepared, new RecordingPort(writer));
}

function replaying(prepared: Prepared): () => void {
  const { images, makeEngine } = prepared;
  const session = createReplay({ log: openLog(prepared.log), images, makeEngine, output: SILENT_OUTPUT });
  return () => void session.end(session.advance(Number.POSITIVE_INFINITY));
}

function millisecondsOf(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** Median of `after / before` over pairs. */
function ratio(before: () => () => void, after: () => () => void): number {
  const ratios = Array.from({ length: PAIRS }, (_, i) => {
    const [first, second] = i % 2 === 0 ? [before(), after()] : [after(), before()];
    const times = [millisecondsOf(first), millisecondsOf(second)];
    return i % 2 === 0 ? times[1] / times[0] : times[0] / times[1];
  });
  return ratios.sort((a, b) => a - b)[PAIRS >> 1];
}

const makeEngine = await loadEngine('interp');
for (const name of GUESTS) {
  const kernel = buildGuest(name);
  const { manifest, log } = await record({ images: { kernel }, memoryMegabytes: 4 });
  const prepared: Prepared = { manifest, log, images: new Map([['kernel', kernel]]), makeEngine };
  const plain = (): (() => void) => live(prepared, new LivePort());
  const percent = (value: number): string => `${((value - 1) * 100).toFixed(1)} %`;
  for (const profile of PROFILES) {
    console.log(
      `${name}: recording ${profile} costs ${percent(ratio(plain, () => recording(prepared, profile)))} over run`,
    );
  }
  const full = (): (() => void) => recording(prepared, 'full');
  console.log(`${name}: replay costs ${percent(ratio(full, () => replaying(prepared)))} over recording full\n`);
}
