/**
 * A flow: bytes that an instruction fills, and from what; and how flows of one instruction are put together. What
 * instructions do is said in flows.ts and flows-implied.ts.
 */
import type { Cpu } from '../../state/cpu.ts';
import { ECX, ESP } from '../../state/layout.ts';
import { META_ADDRSIZE_32 } from '../../isa/record.ts';
import { type AddressPart, addressParts, type Instruction, linearStack, operandPlaces } from './operands.ts';
import { generalRegister, memoryAt, part, type Place, placeName } from './place.ts';

/** One input of what is computed. */
export interface FlowInput {
  readonly name: string;
  readonly places: readonly Place[];
}

export interface Flow {
  readonly to: Place;
  /**
   * `move`: the same bytes as `from`, as many. `computed`: from `inputs`. `constant`: the same whatever the guest
   * holds. `input`: from outside the processor and its memory.
   */
  readonly how: 'move' | 'computed' | 'constant' | 'input';
  readonly from: Place | null;
  readonly inputs: readonly FlowInput[];
  /**
   * Of what is computed: which bytes of inputs as wide as the result one of its bytes depends on. `same`: those of its
   * place; `lower`: those and all below; null: any.
   */
  readonly lanes: 'same' | 'lower' | null;
  /** Of a load: the registers of its address, index first. */
  readonly address: readonly AddressPart[];
  /** Of `input`: a port and the bytes read from it, or what else it is. */
  readonly port: { readonly port: number; readonly size: number } | null;
  readonly what: string;
}

const NOTHING = { from: null, inputs: [], lanes: null, address: [], port: null, what: '' } as const;

/** Places as one name. */
export function namesOf(places: readonly Place[]): string {
  return places.map(placeName).join(' and ');
}

/** The inputs on which bytes of the result depend that lie at `to`, a part of where it goes. */
export function inputsOf({ inputs, lanes, to: whole }: Flow, to: Place): readonly FlowInput[] {
  if (lanes === null || to.space !== whole.space || to.space === 'flags' || to.size === whole.size) return inputs;
  const offset = to.at - whole.at;
  return inputs.map((input): FlowInput => {
    const [place] = input.places;
    if (input.places.length !== 1 || place.space === 'flags' || place.size !== whole.size) return input;
    const needed = lanes === 'same' ? part(place, offset, to.size) : part(place, 0, offset + to.size);
    return { name: placeName(needed), places: [needed] };
  });
}

export class FlowBuilder {
  readonly all: Flow[] = [];
  readonly cpu: Cpu;
  readonly instruction: Instruction;
  readonly a: readonly Place[];
  readonly b: readonly Place[];

  constructor(cpu: Cpu, instruction: Instruction) {
    this.cpu = cpu;
    this.instruction = instruction;
    this.a = operandPlaces(cpu, instruction, 0);
    this.b = operandPlaces(cpu, instruction, 1);
  }

  get hasWideAddress(): boolean {
    return (this.instruction.meta & META_ADDRSIZE_32) !== 0;
  }

  /** Iterations that a REP has still to do. */
  get count(): number {
    return this.hasWideAddress ? this.cpu.m32[ECX] >>> 0 : this.cpu.m32[ECX] & 0xffff;
  }

  register(number: number, size: number): Place {
    return generalRegister(number, size);
  }

  input(place: Place, name = placeName(place)): FlowInput {
    return { name, places: [place] };
  }

  move(to: readonly Place[], from: readonly Place[], address: readonly AddressPart[] = []): void {
    let [toSkip, fromSkip, i, j] = [0, 0, 0, 0];
    while (i < to.length && j < from.length) {
      const size = Math.min(to[i].size - toSkip, from[j].size - fromSkip);
      const source = part(from[j], fromSkip, size);
      this.all.push({ ...NOTHING, to: part(to[i], toSkip, size), how: 'move', from: source, address });
      toSkip += size;
      fromSkip += size;
      if (toSkip === to[i].size) [toSkip, i] = [0, i + 1];
      if (fromSkip === from[j].size) [fromSkip, j] = [0, j + 1];
    }
  }

  compute(to: readonly Place[], inputs: readonly FlowInput[], what = '', lanes: Flow['lanes'] = null): void {
    const wanted = inputs.filter(({ places }) => places.length > 0);
    const address = addressParts(this.instruction);
    for (const place of to) {
      if (wanted.length === 0) this.all.push({ ...NOTHING, to: place, how: 'constant', what });
      else this.all.push({ ...NOTHING, to: place, how: 'computed', inputs: wanted, lanes, address, what });
    }
  }

  constant(to: readonly Place[], what: string): void {
    for (const place of to) this.all.push({ ...NOTHING, to: place, how: 'constant', what });
  }

  outside(to: readonly Place[], what: string, port: Flow['port'] = null): void {
    for (const place of to) this.all.push({ ...NOTHING, to: place, how: 'input', what, port });
  }

  /** ESP after pushes and pops. */
  stackMoves(): void {
    const esp = this.register(ESP, 4);
    this.compute([esp], [this.input(esp)]);
  }

  push(above: number, size: number, from: readonly Place[], what = 'an immediate'): void {
    const to = memoryAt(this.cpu, linearStack(this.cpu, above), size);
    if (from.length === 0) this.constant(to, what);
    else this.move(to, from);
  }
}
