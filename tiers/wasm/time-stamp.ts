// RDTSC in WebAssembly: the time stamp is the tick at which the slice ends, less the ticks that are left of it, and the
// offset of the counter, all of them whole numbers that are exact as doubles (SDM 3 §17.17).

import { DEADLINE_F64, TSC_OFFSET_F64 } from '../../src/core/state/layout.ts';
import { P_LEFT } from './convention.ts';
import { type Body, S, W } from './encode.ts';

/** Push a half of the time stamp, as it is so many ticks before what the parameter says is left. */
export function pushStamp(body: Body, ticksBefore: number, half: 'low' | 'high'): void {
  body.i32(0);
  body.memory(W.f64_load, 3, 8 * DEADLINE_F64);
  body.get(P_LEFT);
  body.i32(ticksBefore);
  body.op(W.i32_add);
  body.op(W.f64_convert_i32_s);
  body.op(W.f64_sub);
  body.i32(0);
  body.memory(W.f64_load, 3, 8 * TSC_OFFSET_F64);
  body.op(W.f64_add);
  body.saturating(S.i64_trunc_sat_f64_s);
  if (half === 'high') {
    body.i64(32n);
    body.op(W.i64_shr_s);
  }
  body.op(W.i32_wrap_i64);
}
