/**
 * Somebody who makes modules of orders as another thread does (host/node/compiler-thread.ts), in this one: what is
 * handed over is copied, and some seeded number of questions passes until it is ready; some orders are declined and
 * some lost.
 */
import { Random } from '../../src/core/base/random.ts';
import { carryOut } from '../../tiers/carry-out.ts';
import type { Compiler } from '../../tiers/wasm/order.ts';

/** What became of orders. */
export interface OrderFigures {
  /** Regions of those that were carried out and asked for. */
  regions: number;
  answered: number;
  declined: number;
  lost: number;
}

export const noOrders = (): OrderFigures => ({ regions: 0, answered: 0, declined: 0, lost: 0 });

const REFUSALS_MAX = 6;
const DECLINED_ONE_IN = 8;
const LOST_ONE_IN = 16;
/** Of an order's words: how many regions it has. */
const REGIONS = 4;

/** Some orders are answered at once, others later: which, hangs on what they say, so that it comes again. */
export function promptCompiler(): Compiler {
  let arena = new Int32Array(0);
  return {
    begin: (order) => {
      const copy = structuredClone(order);
      if (arena.length < copy.arenaWords) arena = new Int32Array(copy.arenaWords);
      const digest = copy.words.reduce((sum, word) => Math.imul(sum ^ word, 0x0100_0193), copy.words.length) >>> 16;
      let refusals = digest % 4 === 0 ? (digest >>> 2) % REFUSALS_MAX : 0;
      return {
        take: () => {
          if (refusals-- > 0) return null;
          return carryOut(copy, arena);
        },
      };
    },
  };
}

/** Seeded chance says when an order is answered, and whether. */
export function scratchCompiler(seed: number, figures = noOrders()): Compiler {
  const dice = new Random(seed);
  let arena = new Int32Array(0);
  return {
    begin: (order) => {
      if (dice.below(DECLINED_ONE_IN) === 0) {
        figures.declined++;
        return null;
      }
      const copy = structuredClone(order);
      if (arena.length < copy.arenaWords) arena = new Int32Array(copy.arenaWords);
      const isLost = dice.below(LOST_ONE_IN) === 0;
      let refusals = dice.below(REFUSALS_MAX + 1);
      return {
        take: () => {
          if (refusals-- > 0) return null;
          if (isLost) {
            figures.lost++;
            return 'lost';
          }
          figures.answered++;
          figures.regions += copy.words[REGIONS];
          return carryOut(copy, arena);
        },
      };
    },
  };
}
