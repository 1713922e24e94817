// The engines that take part in a verification, by name: with their tier policy in words, with a variant that compiles
// at first sight, with random tier policies for schedules, and, for a suspect that compiles, what the passes have to do
// with a difference. The tiers are loaded only when an engine that compiles is named.

import type { InstructionAt } from './core/verify/instruction-at.ts';
import { type FirstDifference, showsDifference } from './core/verify/narrow.ts';
import { ScheduledEngine, scheduleNumber, scheduleOf, scheduleToText } from './core/verify/schedule.ts';
import type { Lockstep, Contestant } from './core/verify/lockstep.ts';
import type { Cpu } from './core/state/cpu.ts';
import type { TierExplanation } from '../tiers/explain.ts';
import { parseTierPolicy, TIERED_POLICY } from '../tiers/policy.ts';
import { backendLoaderOf, baseName, loadEngine, policyOf, traitsOf } from './engines.ts';

/** Contestants by name of engine, `name` or `name:policy`. Throws EngineError for a name or a policy that is none. */
export async function loadContestants(names: readonly string[]): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  for (const name of names) contestants.push(await loadContestant(name));
  return contestants;
}

/** Instructions of a block when a fault is narrowed down. */
const SHORT_BLOCKS = [1, 2, 4, 8, 16, 32];

async function loadContestant(name: string): Promise<Contestant> {
  const makeEngine = await loadEngine(name);
  const usual = policyOf(name);
  if (usual === undefined) return { name, policy: '', makeEngine, ...(name === 'interp' && (await shorterBlocks())) };
  const given = name.includes(':') ? name.slice(name.indexOf(':') + 1) : '';
  const policy = parseTierPolicy(given, usual);
  const text = Object.entries(policy).map(([knob, value]) => `${knob}=${value}`);
  const eager = `${name}${given === '' ? ':' : ','}threshold=1,evict=0,wait=0`;
  const shorter = SHORT_BLOCKS.filter((block) => block < policy.block).map(async (block) => ({
    block,
    makeEngine: await loadEngine(`${eager},block=${block}`),
  }));
  return {
    name,
    policy: text.join(','),
    family: 'compiling',
    makeEngine,
    makeEager: await loadEngine(eager),
    shorter: await Promise.all(shorter),
  };
}

/** The interpreter's inner loop runs a block in one piece, as compiled code does. */
async function shorterBlocks(): Promise<Pick<Contestant, 'shorter'>> {
  const { Interpreter } = await import('../tiers/interp/engine.ts');
  const { BLOCK_INSTRUCTIONS_MAX, BlockCache } = await import('../tiers/interp/blocks.ts');
  const lengths = SHORT_BLOCKS.filter((block) => block < BLOCK_INSTRUCTIONS_MAX);
  const shorter = lengths.map((block) => ({
    block,
    makeEngine: (cpu: Cpu) => new Interpreter(cpu, new BlockCache(cpu, undefined, block)),
  }));
  return { shorter };
}

/**
 * Knobs of the tiers, chosen by seed and index: thresholds of once, now and then and never, tiny regions and caches.
 */
function randomPolicy(seed: number, index: number): string {
  const choose = (purpose: number, choices: readonly number[]): number =>
    choices[scheduleNumber(seed, index, purpose) % choices.length];
  const knobs = {
    threshold: choose(11, [1, 1, 2, 3, 20, 500, 999_999_999]),
    ramp: choose(20, [0, 0, 1, 50]),
    region: choose(12, [1, 1, 2, 4, 10, 24]),
    block: choose(24, [64, 64, 64, 1, 2, 7]),
    instructions: choose(13, [1, 2, 5, 30, 120, 300]),
    calls: choose(21, [0, 1]),
    overlap: choose(22, [0, 1]),
    wait: choose(23, [0, 0, 3, 12]),
    cache: choose(14, [2, 8, 64, 4096]),
    ahead: choose(15, [0, 1]),
    losses: choose(16, [1, 6, 1000]),
    optimise: choose(17, [1, 1, 1, 0]),
    evict: choose(18, [0, 0, 5, 100, 500]),
    seed: 1 + (scheduleNumber(seed, index, 19) % 1_000_000),
  };
  return Object.entries(knobs)
    .map(([knob, value]) => `${knob}=${value}`)
    .join(',');
}

/**
 * A contestant under schedule `index` of a seed, for a run of `runTicks`. Between disturbed windows an engine that
 * compiles has its usual policy: with a random one a long run would take hours, and its functions meet the disturbance
 * then.
 */
export async function scheduledContestant(
  contestant: Contestant,
  seed: number,
  index: number,
  runTicks: number,
): Promise<Contestant> {
  const schedule = scheduleOf(seed, index, runTicks);
  const base = baseName(contestant.name);
  const plain = traitsOf(base).compiles ? await loadContestant(`${base}:${randomPolicy(seed, index)}`) : contestant;
  const text = scheduleToText(schedule);
  const { CompilingEngine } = await import('../tiers/tiering.ts');
  return {
    name: `${base} (schedule ${index})`,
    policy: plain.policy === '' ? text : `${plain.policy}; ${text}`,
    family: plain.family ?? base,
    makeEngine: (cpu) => {
      const engine = plain.makeEngine(cpu);
      if (!(engine instanceof CompilingEngine)) return new ScheduledEngine(engine, schedule);
      const { policy } = engine;
      const setWindow = (isDisturbed: boolean): void => engine.setPolicy(isDisturbed ? policy : TIERED_POLICY);
      return new ScheduledEngine(engine, schedule, setWindow);
    },
    ...(plain.makeEager === undefined ? {} : { makeEager: plain.makeEager }),
    ...(plain.shorter === undefined ? {} : { shorter: plain.shorter }),
  };
}

/** What a compiling suspect makes of the piece, and which pass the difference comes with. Empty for other engines. */
export async function explainSuspect(lockstep: Lockstep, found: FirstDifference): Promise<string> {
  const base = baseName(found.suspect.replace(/ .*/, ''));
  const usual = policyOf(base);
  const loadBackend = backendLoaderOf(base);
  if (usual === undefined || loadBackend === undefined || found.suspectOutcome.failure !== null) return '';
  const [{ CompilingEngine }, { PASSES }, { explainTiers }, { makeEvaluatingBackend }] = await Promise.all([
    import('../tiers/tiering.ts'),
    import('../tiers/opt/pipeline.ts'),
    import('../tiers/explain.ts'),
    import('../tiers/runtime/evaluating.ts'),
  ]);
  // The suspect's own passes and backend, where they can be had: a build may have others.
  const engine = lockstep.runners.find(({ contestant }) => contestant.name === found.suspect)?.engine;
  const passes = engine instanceof CompilingEngine && engine.passes.length > 0 ? engine.passes : PASSES;
  const makeBackend = engine instanceof CompilingEngine ? engine.makeBackend : await loadBackend(null);
  const block = found.block ?? usual.block;
  const policy = { ...usual, threshold: 1, delay: 0, ramp: 0, wait: 0, instructions: 300, block };
  const lines: string[] = [];
  const showsWith = (count: number, backend = makeBackend): boolean =>
    showsDifference(lockstep, found, {
      name: base,
      policy: '',
      makeEngine: (cpu) => new CompilingEngine(cpu, base, policy, backend, passes.slice(0, count)),
    });
  // What the IR means, before any pass: a pass that makes a wrong meaning show is not to blame, nor is an emitter.
  if (showsWith(0, makeEvaluatingBackend)) {
    lines.push('The IR as lifted is wrong already, as its evaluation shows: lifting, not a pass and not emitting.');
  } else if (showsWith(passes.length)) {
    let count = 0;
    while (!showsWith(count)) count++;
    const isEmitting = count === 0 || !showsWith(count, makeEvaluatingBackend);
    lines.push(
      count === 0
        ? 'It shows without any pass, and the IR as lifted is right: emitting.'
        : `It shows once the pass ${passes[count - 1].name} has run (pass ${count} of ${passes.length}).` +
            (isEmitting ? ' The IR that it makes is right when it is evaluated: what is emitted for it is wrong.' : ''),
    );
  } else lines.push('It does not show in code that is compiled at first sight: the passes cannot be told apart.');
  const emitters = engine instanceof CompilingEngine ? [engine.backend] : undefined;
  let explained: TierExplanation | null;
  try {
    explained = explainTiers(bytesOf(found.piece), found.instruction.bits, passes, emitters);
  } catch (error) {
    // A pass may be so wrong that what it makes is no IR any more: that is told, and the report stands.
    const why = error instanceof Error ? error.message : String(error);
    return [...lines, '', `What the passes make of it is not valid: ${why}`].join('\n');
  }
  if (explained === null) return lines.join('\n');
  lines.push('', '-- IR as lifted', explained.lifted.trimEnd());
  for (const { name, text } of explained.passes) lines.push('', `-- IR after ${name}`, text.trimEnd());
  for (const { name, text } of explained.compiled) lines.push('', `-- ${name}`, text.trimEnd());
  return lines.join('\n');
}

/** Bytes of the piece as far as they lie one behind the other. */
function bytesOf(piece: readonly InstructionAt[]): Uint8Array {
  const bytes: number[] = [];
  let next = piece[0].linear;
  for (const place of piece) {
    if (place.linear !== next) break;
    bytes.push(...place.bytes);
    next = (next + place.bytes.length) | 0;
  }
  return Uint8Array.from(bytes);
}
