// The one place where source text becomes code. The free names of emitted functions are bound here once for a
// machine, so that V8 can treat them as constants of each function.

import type { Cpu } from '../../src/core/state/cpu.ts';
import {
  carryOf,
  conditionOf,
  flagsOf,
  highHalf,
  lowHalf,
  multiplyHigh,
  multiplyHighSigned,
  parityFlag,
  quotient,
} from '../ir/arithmetic.ts';
import type { Runtime } from '../runtime/runtime.ts';

const NAMES = [
  'm8',
  'm16',
  'm32',
  'f32',
  'f64',
  'tlb',
  'step',
  'leave',
  'loadMiss',
  'storeMiss',
  'fetchMiss',
  'stashMiss',
  'code',
  'handlers',
  'wide',
  'carryOf',
  'flagsOf',
  'conditionOf',
  'parityFlag',
  'multiplyHigh',
  'multiplyHighSigned',
  'quotient',
  'lowHalf',
  'highHalf',
] as const;

/** Make the function, whose name is for profiles. Each has a scope of its own. */
export function instantiate(runtime: Runtime, body: string, name = 'compiled'): (cpu: Cpu) => void {
  const make = new Function(...NAMES, `"use strict";\nreturn function ${name}(cpu) {\n${body}\n};`);
  return make(
    runtime.m8,
    runtime.m16,
    runtime.m32,
    runtime.f32,
    runtime.f64,
    runtime.tlb,
    runtime.step,
    runtime.leave,
    runtime.loadMiss,
    runtime.storeMiss,
    runtime.fetchMiss,
    runtime.stashMiss,
    runtime.code,
    runtime.handlers,
    runtime.wide,
    carryOf,
    flagsOf,
    conditionOf,
    parityFlag,
    multiplyHigh,
    multiplyHighSigned,
    quotient,
    lowHalf,
    highHalf,
  ) as (cpu: Cpu) => void;
}
