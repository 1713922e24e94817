// What this browser can: the engines there are, and what they have to do without here.
// Asked once, when the page starts.

import { hasTailCalls } from '../../../../../../tiers/wasm/instantiate.ts';
import { DEFAULT_ENGINE, engineNames } from '../../../../../library.ts';
import type { WorkerSession } from '../session.ts';

export interface HostAnswer {
  readonly engines: readonly string[];
  readonly chosen: string;
  /** A sentence for a person; ''. */
  readonly warning: string;
}

export async function host(_session: WorkerSession, _ask: null): Promise<HostAnswer> {
  const warning = (await hasTailCalls())
    ? ''
    : 'The WebAssembly of this browser has no tail calls: the engine tiered makes JavaScript instead, which is slower.';
  return { engines: engineNames(), chosen: DEFAULT_ENGINE, warning };
}
