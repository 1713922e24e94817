// The listing of disassemble.ts where there is Node: iced-x86 is a CommonJS package, and import() would look through
// all of its text for names first, which takes a tenth of the start of a debugger.

import { createRequire } from 'node:module';
import { loadListing } from '../debugger/disassemble.ts';
import type { Disassembler } from '../debugger/views.ts';

export async function loadNodeListing(): Promise<Disassembler> {
  return await loadListing(() => createRequire(import.meta.url)('iced-x86') as typeof import('iced-x86'));
}
