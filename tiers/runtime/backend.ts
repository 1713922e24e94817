// The seam between tiering (when, what and how much is compiled, what is linked, unlinked and thrown away) and a
// backend (how it is compiled). Tiering knows backends by this alone. A backend makes functions of regions, one at a
// time or many together, at once or later: when a function becomes ready is nothing that the guest can see, since the
// interpreter goes on without it, and tiering asks for it only where EIP, registers and ticks are in memory and exact.

import type { Cpu } from '../../src/core/state/cpu.ts';
import type { IrFunction } from '../ir/ir.ts';
import type { Runtime } from './runtime.ts';

/** A straight run of decoded instructions. */
export interface RegionBlock {
  /** Arena position of the block's header. */
  readonly block: number;
  /** Arena position of its first record. */
  readonly first: number;
  /** Its instructions. */
  readonly count: number;
  /** Place relative to the region's entry. */
  readonly delta: number;
}

/**
 * What becomes one function: blocks of one page, all of one mode. Plain data, so that another thread can be given it.
 */
export interface Region {
  /** modeKey that the code was decoded for. */
  readonly mode: number;
  /** Host address of the entry. */
  readonly host: number;
  /** The first one is the entry, at delta 0. */
  readonly blocks: readonly RegionBlock[];
}

/** A region as a function that runs. */
export interface CompiledRegion {
  /**
   * Run from EIP, which is at the entry. As an Engine does: EIP, registers and cpu.left are exact on return and when a
   * handler throws GUEST_FAULT. A block that cpu.left does not cover is not begun, not even the first.
   */
  readonly run: (cpu: Cpu) => void;
  /**
   * How often it is to be called without a budget before it is linked, so that the host has seen its way out; mostly 0.
   */
  readonly rehearsals: number;
  /** Size of the code for reports, in the backend's own measure: characters of source, bytes. */
  readonly size: number;
  /** Regions of its batch, by their index, that it goes on in without asking: it goes when one of them goes. */
  readonly relies: readonly number[];
  /** It will not be called any more. It may be running: a store in it has changed its own code. */
  release(): void;
}

/** Regions that are being compiled. */
export interface Batch {
  /**
   * What came of the regions, in their order, as soon as all are ready; null before. A region that is null in it is
   * left to the interpreter. Asked until it has answered, unless nobody needs the regions any more.
   */
  take(): readonly (CompiledRegion | null)[] | null;
}

/** What a backend takes at most; a policy may ask for less. */
export interface BackendLimits {
  /** Blocks of a region. */
  readonly blocks: number;
  /** Guest instructions of a region. */
  readonly instructions: number;
  /** Regions of a batch. Tiering gathers up to so many before it has them compiled. */
  readonly batch: number;
}

export interface Backend {
  /** What people call what it makes, as a heading: `JavaScript`. */
  readonly name: string;
  readonly limits: BackendLimits;
  /**
   * Begin to compile; one that is done at once answers the first take(). The records may be gone when this has
   * returned.
   */
  compile(batch: readonly Region[]): Batch;
  /** What a function is compiled to, as text for people. */
  text(fn: IrFunction): string;
}

/** Lifts a region and has the passes run that the policy asks for. */
export type Lift = (region: Region) => IrFunction;

/**
 * Names of the passes (opt/pipeline.ts) by which somebody elsewhere, who is given the records alone, lifts a region to
 * what Lift makes of it now; null: nobody else can.
 */
export type Recipe = () => readonly string[] | null;

/** Makes the backend of one processor. */
export type BackendFactory = (runtime: Runtime, lift: Lift, recipe: Recipe) => Backend;
