// The command `origin`: where a value came from, as a chain, and at forks what could be followed; or all of it as a
// graph. Comes back to where it was asked.

import { follow } from '../../core/timeline/provenance/chain.ts';
import { graphToDot, originGraph } from '../../core/timeline/provenance/graph.ts';
import { Origins, type Question } from '../../core/timeline/provenance/origin.ts';
import { questionOf, registerPlace } from '../../core/timeline/provenance/what.ts';
import type { Way } from '../../core/timeline/timeline.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DwarfError } from '../dwarf/cursor.ts';
import { DebuggerError } from './debugger-error.ts';
import { frameHere } from './source.ts';
import { chainData, chainText, originData } from './origin-lines.ts';
import { originText } from './origin-text.ts';

/** Of a larger variable the first bytes are asked about. */
const VARIABLE_BYTES_MAX = 16;

interface Asked {
  readonly origins: Origins;
  /** The last one: `origin via 2` goes on with it. */
  question: Question | null;
}

const asked = new WeakMap<Debugger, Asked>();

/** Stretches and answers that have been found stay for the next question. */
export function askedOf(debug: Debugger): Asked {
  let found = asked.get(debug);
  if (found === undefined) {
    found = { origins: new Origins(debug.timeline), question: null };
    asked.set(debug, found);
  }
  return found;
}

/** A question of the moment: of what the core knows, or a variable of the source. */
export function askAbout(debug: Debugger, text: string): Question {
  const { timeline, symbols } = debug;
  const { cpu } = timeline.machine;
  if (text === '') throw new DebuggerError('Of what? Give a register, memory or an address, such as origin [esp + 4].');
  const extent = registerPlace(text) === null ? variable(debug, text) : null;
  if (extent !== null) {
    const size = Math.min(extent.size, VARIABLE_BYTES_MAX);
    return { ...questionOf(`0x${extent.address.toString(16)} ${size}`, cpu, timeline.position), name: text };
  }
  return questionOf(text, cpu, timeline.position, (name) => symbols.address(name));
}

function variable(debug: Debugger, text: string): { address: number; size: number } | null {
  try {
    return debug.source.extent(debug.timeline.machine.cpu, frameHere(debug), text);
  } catch (error) {
    if (error instanceof DwarfError) throw new DebuggerError(`${error.message}.`);
    throw error;
  }
}

/** `WHAT`, `WHAT via 1.2`, `via 1.2`, `all WHAT`, `dot WHAT`. */
function takeApart(rest: string): { form: 'chain' | 'all' | 'dot'; what: string; via: number[] } {
  const form = /^(all|dot)(?:\s+|$)/.exec(rest);
  const behind = form === null ? rest : rest.slice(form[0].length);
  const chosen = /(?:^|\s+)via\s+([\d.,\s]+)$/.exec(behind);
  const via = chosen === null ? [] : chosen[1].split(/[.,\s]+/).filter((word) => word !== '');
  const what = chosen === null ? behind : behind.slice(0, chosen.index);
  return { form: form === null ? 'chain' : (form[1] as 'all' | 'dot'), what: what.trim(), via: via.map(Number) };
}

function* origin(debug: Debugger, rest: string): Way<Output> {
  const { form, what, via } = takeApart(rest);
  const memory = askedOf(debug);
  if (what === '' && memory.question === null) askAbout(debug, '');
  const question = what === '' && memory.question !== null ? memory.question : askAbout(debug, what);
  memory.question = question;
  const { timeline } = debug;
  const from = timeline.position;
  try {
    if (form !== 'chain') return graphOutput(debug, yield* originGraph(memory.origins, question), form);
    const chain = yield* follow(memory.origins, question, { via });
    return { text: chainText(debug, chain, via), data: { what: question.name, via, ...chainData(debug, chain) } };
  } finally {
    for (const back = timeline.seek(from); back.next().done !== true; ) {
      // Always back, whatever happened.
    }
  }
}

function graphOutput(debug: Debugger, graph: Parameters<typeof graphToDot>[0], form: 'all' | 'dot'): Output {
  const { nodes, edges, leftOut } = graph;
  const data = { nodes: nodes.map((node) => originData(debug, node)), edges, leftOut };
  if (form === 'dot') return { text: graphToDot(graph, (node) => originText(debug, node)), data };
  const lines = nodes.map((node, i) => {
    const ways = edges.filter(({ from }) => from === i).map(({ to, name }) => `${name} is ${to + 1}`);
    const rows = originText(debug, node).split('\n').join('\n     ');
    return `${String(i + 1).padStart(3)}  ${rows}${ways.length === 0 ? '' : `\n     -> ${ways.join(', ')}`}`;
  });
  if (leftOut > 0) lines.push(`… and ${leftOut} inputs that were not gone to`);
  return { text: lines.join('\n'), data };
}

export const ORIGIN: Command = {
  names: ['origin'],
  usage: '[all|dot] WHAT [via N.N…]',
  summary: 'where a value came from: back through copies and arithmetic',
  details:
    'WHAT is a register (eax, ah, zf, xmm1), memory (byte [esi + 4]), an address and its bytes (0x200000 4), a ' +
    'symbol or a variable. Copies are followed by themselves: memory, the stack, strings, whoever runs. Where a ' +
    'value was computed from several that are not fixed, they are numbered: origin WHAT via 2.1, or origin via 2.1 ' +
    'for the last question. all shows every way, nearest first; dot is the same for Graphviz.',
  group: 'ask',
  completes: ['symbol'],
  run: origin,
};
