// Operations on v128 on WebAssembly's stack machine: an instruction each where there is one, and a few together where
// there is none. What they mean is in ir/lanes.ts. SDM 2 under PMULHW, PMULUDQ, PSADBW.

import type { LaneShift, Op, Vector } from '../ir/ir.ts';
import { type Body, V } from './encode.ts';
import type { Values } from './values.ts';

/** Operations that WebAssembly has no instruction for. */
type Composed = 'mulhs16' | 'mulhu16' | 'mulu32' | 'sad8';

const VECTORS: Readonly<Record<Exclude<Vector, Composed>, number>> = {
  and: V.v128_and,
  or: V.v128_or,
  xor: V.v128_xor,
  andnot: V.v128_andnot,
  add8: V.i8x16_add,
  add16: V.i16x8_add,
  add32: V.i32x4_add,
  add64: V.i64x2_add,
  sub8: V.i8x16_sub,
  sub16: V.i16x8_sub,
  sub32: V.i32x4_sub,
  sub64: V.i64x2_sub,
  adds8: V.i8x16_add_sat_s,
  adds16: V.i16x8_add_sat_s,
  addu8: V.i8x16_add_sat_u,
  addu16: V.i16x8_add_sat_u,
  subs8: V.i8x16_sub_sat_s,
  subs16: V.i16x8_sub_sat_s,
  subu8: V.i8x16_sub_sat_u,
  subu16: V.i16x8_sub_sat_u,
  avg8: V.i8x16_avgr_u,
  avg16: V.i16x8_avgr_u,
  minu8: V.i8x16_min_u,
  mins16: V.i16x8_min_s,
  maxu8: V.i8x16_max_u,
  maxs16: V.i16x8_max_s,
  eq8: V.i8x16_eq,
  eq16: V.i16x8_eq,
  eq32: V.i32x4_eq,
  gt8: V.i8x16_gt_s,
  gt16: V.i16x8_gt_s,
  gt32: V.i32x4_gt_s,
  mul16: V.i16x8_mul,
  dot16: V.i32x4_dot_i16x8_s,
  packs16: V.i8x16_narrow_i16x8_s,
  packs32: V.i16x8_narrow_i32x4_s,
  packu16: V.i8x16_narrow_i16x8_u,
};

const LANE_SHIFT_CODES: Readonly<Record<LaneShift, number>> = {
  shl16: V.i16x8_shl,
  shl32: V.i32x4_shl,
  shl64: V.i64x2_shl,
  shr16: V.i16x8_shr_u,
  shr32: V.i32x4_shr_u,
  shr64: V.i64x2_shr_u,
  sar16: V.i16x8_shr_s,
  sar32: V.i32x4_shr_s,
};

/** Bytes of the upper halves of eight doublewords; of doublewords 0 and 2, then anything. */
const UPPER_HALVES = [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31];
const EVEN_DOUBLEWORDS = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];

function shuffle(body: Body, lanes: readonly number[]): void {
  body.vector(V.i8x16_shuffle);
  for (const lane of lanes) body.op(lane);
}

/** Push what the operation makes: one use of each of its operands. */
export function pushVector(
  body: Body,
  values: Values,
  op: Extract<Op, { op: 'vector' | 'shuffle' | 'laneShift' }>,
): void {
  switch (op.op) {
    case 'shuffle':
      values.value(op.a);
      values.value(op.b);
      if (op.lanes.length === 16) shuffle(body, op.lanes);
      else
        shuffle(
          body,
          op.lanes.flatMap((lane) => [0, 1, 2, 3].map((k) => 4 * lane + k)),
        );
      return;
    case 'laneShift':
      values.value(op.a);
      body.i32(op.count);
      body.vector(LANE_SHIFT_CODES[op.how]);
      return;
    case 'vector':
      if (op.how === 'mulhs16' || op.how === 'mulhu16' || op.how === 'mulu32' || op.how === 'sad8') {
        const [a, b] = [values.held(op.a), values.held(op.b)];
        compose(body, values, op.how, a, b);
        values.used(op.a);
        values.used(op.b);
        return;
      }
      values.value(op.a);
      values.value(op.b);
      body.vector(VECTORS[op.how]);
  }
}

type Push = () => void;

/** `a` and `b` may be pushed as often as is wanted. */
function compose(body: Body, values: Values, how: Composed, a: Push, b: Push): void {
  const both = (code: number, first = a, second = b): void => {
    first();
    second();
    body.vector(code);
  };
  if (how === 'mulu32') {
    for (const push of [a, b]) {
      push();
      push();
      shuffle(body, EVEN_DOUBLEWORDS);
    }
    body.vector(V.i64x2_extmul_low_i32x4_u);
  } else if (how === 'sad8') {
    // One of the two differences is 0. Then eight bytes are summed in pairs, three times.
    both(V.i8x16_sub_sat_u);
    both(V.i8x16_sub_sat_u, b, a);
    body.vector(V.v128_or);
    body.vector(V.i16x8_extadd_pairwise_i8x16_u);
    body.vector(V.i32x4_extadd_pairwise_i16x8_u);
    const sums = values.takeLocal('v128');
    body.tee(sums);
    body.i32(32);
    body.vector(V.i64x2_shl);
    body.i32(32);
    body.vector(V.i64x2_shr_u);
    body.get(sums);
    body.i32(32);
    body.vector(V.i64x2_shr_u);
    body.vector(V.i64x2_add);
    values.giveLocal(sums, 'v128');
  } else {
    both(how === 'mulhs16' ? V.i32x4_extmul_low_i16x8_s : V.i32x4_extmul_low_i16x8_u);
    both(how === 'mulhs16' ? V.i32x4_extmul_high_i16x8_s : V.i32x4_extmul_high_i16x8_u);
    shuffle(body, UPPER_HALVES);
  }
}
