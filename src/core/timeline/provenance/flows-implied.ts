/**
 * Flows of instructions that speak of more than the operands of their rows: the stack, strings, ports, exchanges, and
 * what the processor knows by itself. SDM 2, the operation sections.
 */
import { flagMask } from '../../isa/ops.ts';
import { KIND_XMM, R_EA, R_IMM } from '../../isa/record.ts';
import { peekNumber } from '../../memory/peek.ts';
import { condition, getFlags } from '../../state/flags.ts';
import {
  EAX,
  EBP,
  EBX,
  ECX,
  EDI,
  EDX,
  ES,
  ESI,
  ESP,
  MODE_CPL3,
  MODE_KEY,
  SEG_BASE,
  SYSENTER_ESP,
  TR,
  VM,
} from '../../state/layout.ts';
import { type FlowBuilder, namesOf } from './flow.ts';
import {
  addressParts,
  bytesA,
  bytesB,
  hasImmediateB,
  kindA,
  linearElement,
  linearOperand,
  linearStack,
  operandBytes,
  stackRegister,
} from './operands.ts';
import { flagsPlace, memoryAt, part, type Place, registerBytes, valueAt } from './place.ts';

/** Instructions that speak of more than their operands; true when nothing is left to do. */
export function implied(flows: FlowBuilder): boolean {
  const { cpu, instruction, a, b } = flows;
  const { name } = instruction.row;
  const size = operandBytes(instruction);
  switch (name) {
    case 'XCHG':
      flows.move(a, b);
      flows.move(b, a);
      return true;
    case 'XADD': {
      const inputs = [
        { name: namesOf(a), places: a },
        { name: namesOf(b), places: b },
      ];
      flows.compute([...a, flagsPlace(flagMask(instruction.row.flags.written))], inputs);
      flows.move(b, a);
      return true;
    }
    case 'CMPXCHG': {
      const accumulator = flows.register(EAX, bytesA(instruction));
      const inputs = [flows.input(accumulator), { name: namesOf(a), places: a }];
      flows.compute([flagsPlace(flagMask(instruction.row.flags.written))], inputs);
      if (isEqual(flows, accumulator)) flows.move(a, b);
      else flows.move([accumulator], a);
      return true;
    }
    case 'CMOVCC':
      if (condition(cpu, instruction.code[R_IMM])) flows.move(a, b, addressParts(instruction));
      return true;
    case 'MOVSX': {
      flows.move(a, b, addressParts(instruction));
      const [low, wide] = [bytesB(instruction), bytesA(instruction)];
      const sign = b.map((place) => part(place, place.size - 1, 1)).slice(-1);
      if (a.length === 1) flows.compute([part(a[0], low, wide - low)], [{ name: 'the sign', places: sign }]);
      return true;
    }
    case 'MOVHPS':
    case 'MOVHPD':
      moveHigh(flows);
      return true;
    case 'MOVHLPS':
      flows.move(
        a,
        b.map((place) => registerBytes(place.at + 8, 8)),
      );
      return true;
    case 'MOVLHPS':
      flows.move([registerBytes(a[0].at + 8, 8)], b);
      return true;
    case 'BSWAP':
      for (let i = 0; i < 4; i++) flows.move([part(a[0], i, 1)], [part(a[0], 3 - i, 1)]);
      return true;
    case 'FXCH':
      flows.move(a, [stackRegister(cpu, 0)]);
      flows.move([stackRegister(cpu, 0)], a);
      return true;
    case 'PUSH':
    case 'PUSH_SREG':
      flows.push(-size, size, a);
      flows.stackMoves();
      return true;
    case 'POP':
    case 'POP_SREG':
      flows.move(a, memoryAt(cpu, linearStack(cpu, 0), Math.min(size, a[0]?.size ?? size)));
      flows.stackMoves();
      return true;
    case 'PUSHA':
      for (let i = 0; i < 8; i++) flows.push(-size * (i + 1), size, [flows.register(i, size)]);
      flows.stackMoves();
      return true;
    case 'POPA':
      for (let i = 0; i < 8; i++) {
        if (i === ESP) continue;
        flows.move([flows.register(i, size)], memoryAt(cpu, linearStack(cpu, (7 - i) * size), size));
      }
      flows.stackMoves();
      return true;
    case 'PUSHF':
      flows.compute(memoryAt(cpu, linearStack(cpu, -size), size), [flows.input(flagsPlace(-1))]);
      flows.stackMoves();
      return true;
    case 'POPF':
      flows.compute([flagsPlace(-1)], [{ name: 'the stack', places: memoryAt(cpu, linearStack(cpu, 0), size) }]);
      flows.stackMoves();
      return true;
    case 'LAHF':
      flows.compute([flows.register(EAX + 4, 1)], [flows.input(flagsPlace(0xd5))]);
      return true;
    case 'ENTER':
      flows.push(-size, size, [flows.register(EBP, size)]);
      flows.compute([flows.register(EBP, size)], [flows.input(flows.register(ESP, 4))]);
      flows.stackMoves();
      return true;
    case 'LEAVE': {
      const frame = linearStack(cpu, cpu.m32[EBP] - cpu.m32[ESP]);
      flows.move([flows.register(EBP, size)], memoryAt(cpu, frame, size));
      flows.compute([flows.register(ESP, 4)], [flows.input(flows.register(EBP, 4))]);
      return true;
    }
    case 'CALL':
    case 'CALL_IND':
      flows.push(-size, size, [], 'the address to return to');
      flows.stackMoves();
      return true;
    default:
      return elements(flows, name);
  }
}

/** Strings, ports, and what the processor knows by itself. */
function elements(flows: FlowBuilder, name: string): boolean {
  const { cpu, instruction, a } = flows;
  const size = bytesA(instruction);
  const source = (): Place[] =>
    memoryAt(cpu, linearElement(cpu, instruction, (instruction.code[R_EA] >> 12) & 7, ESI), size);
  const target = (): Place[] => memoryAt(cpu, linearElement(cpu, instruction, ES, EDI), size);
  const steps = (...registers: number[]): void => {
    for (const register of registers)
      flows.compute([flows.register(register, 4)], [flows.input(flows.register(register, 4))]);
  };
  const accumulator = flows.register(EAX, size);
  switch (name) {
    case 'MOVS':
      flows.move(target(), source());
      steps(ESI, EDI);
      return true;
    case 'LODS':
      flows.move([accumulator], source(), [{ place: flows.register(ESI, 4), name: 'esi' }]);
      steps(ESI);
      return true;
    case 'STOS':
      flows.move(target(), [accumulator]);
      steps(EDI);
      return true;
    case 'CMPS':
    case 'SCAS': {
      const other = name === 'SCAS' ? [accumulator] : source();
      const inputs = [
        { name: namesOf(other), places: other },
        { name: namesOf(target()), places: target() },
      ];
      flows.compute([flagsPlace(flagMask(instruction.row.flags.written))], inputs);
      steps(...(name === 'SCAS' ? [EDI] : [ESI, EDI]));
      return true;
    }
    case 'INS':
      flows.outside(target(), '', { port: cpu.m32[EDX] & 0xffff, size });
      steps(EDI);
      return true;
    case 'IN': {
      const port = hasImmediateB(instruction) ? instruction.code[R_IMM] & 0xff : cpu.m32[EDX] & 0xffff;
      flows.outside(a, '', { port, size });
      return true;
    }
    case 'XLAT': {
      const is32 = flows.hasWideAddress;
      const offset = cpu.m32[EBX] + (cpu.m32[EAX] & 0xff);
      const linear = (is32 ? offset : offset & 0xffff) + cpu.m32[SEG_BASE + ((instruction.code[R_EA] >> 12) & 7)];
      flows.move([flows.register(EAX, 1)], memoryAt(cpu, linear >>> 0, 1), [
        { place: flows.register(EAX, 1), name: 'al' },
        { place: flows.register(EBX, is32 ? 4 : 2), name: 'ebx' },
      ]);
      return true;
    }
    case 'RDTSC':
      flows.outside([flows.register(EAX, 4), flows.register(EDX, 4)], 'the time stamp counter');
      return true;
    case 'RDPMC':
    case 'RDMSR':
      flows.outside([flows.register(EAX, 4), flows.register(EDX, 4)], `model-specific register ${cpu.m32[ECX] >>> 0}`);
      return true;
    case 'CPUID':
      for (const register of [EAX, EBX, ECX, EDX]) flows.constant([flows.register(register, 4)], 'what CPUID says');
      return true;
    case 'SYSENTER':
      flows.move([flows.register(ESP, 4)], [registerBytes(SYSENTER_ESP * 4, 4)]);
      return true;
    case 'SYSEXIT':
      flows.move([flows.register(ESP, 4)], [flows.register(ECX, 4)]);
      return true;
    case 'IRET':
    case 'RET_FAR':
      farReturn(flows, name === 'IRET');
      return true;
    case 'RET':
      flows.stackMoves();
      return true;
    case 'INT':
    case 'INT3':
    case 'INT1':
    case 'INTO':
    case 'CALL_FAR':
    case 'CALL_FAR_IND':
      enterStack(flows);
      return true;
    case 'LES':
    case 'LDS':
    case 'LSS':
    case 'LFS':
    case 'LGS':
      flows.move(
        a,
        memoryAt(cpu, linearOperand(cpu, instruction), operandBytes(instruction)),
        addressParts(instruction),
      );
      return true;
    default:
      return false;
  }
}

function moveHigh(flows: FlowBuilder): void {
  const { instruction, a, b } = flows;
  const isLoad = kindA(instruction) === KIND_XMM;
  if (isLoad) flows.move([registerBytes(a[0].at + 8, 8)], b, addressParts(instruction));
  else flows.move(a, [registerBytes(b[0].at + 8, 8)]);
}

/** To an outer ring the stack pointer comes from the frame. */
function farReturn(flows: FlowBuilder, isInterrupt: boolean): void {
  const { cpu, instruction } = flows;
  const size = operandBytes(instruction);
  const frame = (index: number): Place[] => memoryAt(cpu, linearStack(cpu, index * size), size);
  if (isInterrupt) flows.compute([flagsPlace(-1)], [{ name: 'the frame', places: frame(2) }]);
  const selector = frame(1);
  const low = selector.length === 0 ? 0 : (peekNumber(cpu, linearStack(cpu, size), 2) ?? 0);
  const isInner = (cpu.m32[MODE_KEY] & MODE_CPL3) === 0;
  const leaves = isInner && ((low & 3) === 3 || (getFlags(cpu) & VM) !== 0);
  if (leaves) flows.move([flows.register(ESP, size)], frame(isInterrupt ? 3 : 2));
  else flows.stackMoves();
}

/** From an outer ring the stack pointer comes from the task state segment. */
function enterStack(flows: FlowBuilder): void {
  const { cpu } = flows;
  const isOuter = (cpu.m32[MODE_KEY] & MODE_CPL3) !== 0;
  const places = isOuter ? memoryAt(cpu, (cpu.m32[SEG_BASE + TR] + 4) >>> 0, 4) : [flows.register(ESP, 4)];
  flows.compute([flows.register(ESP, 4)], [{ name: namesOf(places), places }]);
}

/** Whether CMPXCHG finds its destination equal to the accumulator. */
function isEqual({ cpu, a }: FlowBuilder, accumulator: Place): boolean {
  let skip = 0;
  return a.every((place) => {
    const piece = part(accumulator, skip, place.size);
    skip += place.size;
    return valueAt(cpu, place) === valueAt(cpu, piece);
  });
}
