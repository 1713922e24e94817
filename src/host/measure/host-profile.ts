// Where a process spent its time, by V8's sampling profiler inside it (node:inspector). Samples are shares: what they
// are shares of is the processor time of the main thread, which the system counts; other threads (V8's compilers and
// collectors) are a row of their own, so that all rows together are the processor time of the process. Functions of
// guest code carry the place of their region in their names (tiers/runtime/function-name.ts); interpreted guest code
// has no frames of its own: its share goes to the inner loop, and to blocks only by counts.

import { Session } from 'node:inspector';
import { readFunctionName } from '../../../tiers/runtime/function-name.ts';
import type { HostTime } from './host-clock.ts';

const INTERVAL_MICROSECONDS = 500;

/** In the order of reports. */
export const HOST_TIERS = {
  compiled: 'compiled code',
  runtime: 'out of compiled code and back',
  handlers: 'handlers, segments, paging, float',
  loop: 'interpreter, inner loop',
  decoding: 'decoding',
  compiling: 'compiling (ours, and V8 before the first run)',
  devices: 'devices',
  machine: 'loop of the machine, log, state hashes',
  garbage: 'garbage collection',
  host: 'host: command line, Node',
  engine: "V8's own work on the main thread",
  threads: "other threads (V8's compilers and collectors)",
} as const;
export type HostTier = keyof typeof HOST_TIERS;

export interface HostFrame {
  readonly name: string;
  readonly file: string;
  readonly tier: HostTier;
  /** Of guest code: physical address and mode of its region; else −1. */
  readonly physical: number;
  readonly mode: number;
}

export interface HostProfile {
  readonly samples: number;
  readonly tiersMs: Readonly<Record<HostTier, number>>;
  /** Distinct call chains from the root, as indices of `frames`, with their own time. */
  readonly frames: readonly HostFrame[];
  readonly stacks: readonly { readonly frames: readonly number[]; readonly ms: number }[];
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
}

interface RawProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
}

/** By the file of a frame, the first that fits. */
const FILES: readonly (readonly [pattern: RegExp, tier: HostTier])[] = [
  [/\/tiers\/interp\/(hot|engine|step)\.js$/, 'loop'],
  [/\/tiers\/interp\/(blocks|specialise)\.js$/, 'decoding'],
  [/\/core\/isa\//, 'decoding'],
  [/\/tiers\/interp\//, 'handlers'],
  [/\/tiers\/runtime\//, 'runtime'],
  [/\/tiers\/wasm\/instantiate\.js$/, 'runtime'],
  [/\/tiers\//, 'compiling'],
  [/\/core\/(cpu|memory|state|base)\//, 'handlers'],
  [/\/core\/(devices|board)\//, 'devices'],
  [/\/core\//, 'machine'],
  [/\/src\//, 'host'],
  [/^node:/, 'host'],
];
/** Functions of these make code, though their file is the runtime's. */
const MAKERS = new Set(['instantiate', 'makeThreads', 'link']);

/** Null: a frame that belongs to whoever called it (built-in functions), or to nobody. */
function tierOf({ functionName, url }: CallFrame): HostTier | null {
  if (readFunctionName(functionName) !== null) return 'compiled';
  if (url.startsWith('wasm://')) return 'compiled';
  if (functionName === '(garbage collector)') return 'garbage';
  if (functionName === '(program)') return 'engine';
  if (url === '') return null;
  for (const [pattern, tier] of FILES) {
    if (pattern.test(url)) return tier === 'runtime' && MAKERS.has(functionName) ? 'compiling' : tier;
  }
  return null;
}

/** Core files that serve the instruction in hand when an instruction is in hand, and the loop otherwise. */
const IN_HAND = new Set<HostTier>(['loop', 'runtime', 'compiled', 'handlers']);

export class Profiler {
  private readonly session: Session;

  private constructor(session: Session) {
    this.session = session;
  }

  static async begin(): Promise<Profiler> {
    const session = new Session();
    session.connect();
    const profiler = new Profiler(session);
    await profiler.post('Profiler.enable');
    await profiler.post('Profiler.setSamplingInterval', { interval: INTERVAL_MICROSECONDS });
    await profiler.post('Profiler.start');
    return profiler;
  }

  private post(method: string, parameters: object = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.session.post(method, parameters, (error, result) => (error === null ? resolve(result) : reject(error)));
    });
  }

  /** `time`: what the process used since; `ramBase`: where host addresses of RAM begin. */
  async end(time: HostTime, ramBase: number): Promise<HostProfile> {
    const { profile } = (await this.post('Profiler.stop')) as { profile: RawProfile };
    this.session.disconnect();
    return summarise(profile, time, ramBase);
  }
}

interface Walked {
  readonly tier: HostTier;
  readonly frames: readonly number[];
}

/** What the samples come to. */
export function summarise(raw: RawProfile, time: Pick<HostTime, 'mainMs' | 'processMs'>, ramBase: number): HostProfile {
  const nodes = new Map(raw.nodes.map((node) => [node.id, node]));
  const frames: HostFrame[] = [];
  const known = new Map<string, number>();
  const walked = new Map<number, Walked>();
  const frameOf = (callFrame: CallFrame, tier: HostTier): number => {
    const place = readFunctionName(callFrame.functionName);
    const key = `${callFrame.functionName} ${place === null ? callFrame.url : ''} ${tier}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const file = callFrame.url.replace(/^.*\/dist\//, '').replace(/^wasm:.*$/, '');
    const physical = place === null ? -1 : place.host - ramBase;
    const name = callFrame.functionName === '' ? '(anonymous)' : callFrame.functionName;
    frames.push({ name, file, tier, physical, mode: place?.mode ?? -1 });
    known.set(key, frames.length - 1);
    return frames.length - 1;
  };
  const walk = (id: number, above: Walked): void => {
    const node = nodes.get(id);
    if (node === undefined) return;
    const { callFrame } = node;
    const own = tierOf(callFrame);
    const isCore = /\/core\/(cpu|memory|state|base)\//.test(callFrame.url);
    // The same functions serve handlers, the log's hashes and whatever compiles: they count for who called them.
    const isTheirs = own === null || (isCore && !IN_HAND.has(above.tier));
    const tier = isTheirs || (own === 'decoding' && above.tier === 'compiling') ? above.tier : own;
    const isShown = callFrame.functionName !== '(root)' && own !== null;
    const here = { tier, frames: isShown ? [...above.frames, frameOf(callFrame, tier)] : above.frames };
    walked.set(id, here);
    for (const child of node.children ?? []) walk(child, here);
  };
  if (raw.nodes.length > 0) walk(raw.nodes[0].id, { tier: 'host', frames: [] });
  const counts = new Map<string, { frames: readonly number[]; tier: HostTier; count: number }>();
  let samples = 0;
  for (const id of raw.samples) {
    const { functionName } = nodes.get(id)?.callFrame ?? { functionName: '' };
    const at = walked.get(id);
    // Waiting takes no processor time; the inspector's own work is not the run's.
    if (at === undefined || functionName === '(idle)' || functionName === 'dispatch') continue;
    samples++;
    const key = at.frames.join(' ');
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { ...at, count: 1 });
    else known.count++;
  }
  const msOf = (count: number): number => (samples === 0 ? 0 : (time.mainMs * count) / samples);
  const tiersMs = Object.fromEntries(Object.keys(HOST_TIERS).map((tier) => [tier, 0])) as Record<HostTier, number>;
  for (const { tier, count } of counts.values()) tiersMs[tier] += msOf(count);
  if (samples === 0) tiersMs.engine = time.mainMs;
  tiersMs.threads = Math.max(0, time.processMs - time.mainMs);
  const stacks = [...counts.values()]
    .sort((a, b) => b.count - a.count)
    .map(({ frames: chain, count }) => ({ frames: chain, ms: msOf(count) }));
  return { samples, tiersMs, frames, stacks };
}

/** Time by guest function: of the nearest frame of guest code, all that it called included. */
export function guestTime(profile: HostProfile): Map<string, number> {
  const found = new Map<string, number>();
  for (const { frames, ms } of profile.stacks) {
    const guest = [...frames].reverse().find((index) => profile.frames[index].physical >= 0);
    if (guest === undefined) continue;
    const { physical, mode } = profile.frames[guest];
    const key = `${physical}:${mode}`;
    found.set(key, (found.get(key) ?? 0) + ms);
  }
  return found;
}
