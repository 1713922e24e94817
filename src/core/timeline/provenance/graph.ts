/**
 * Everything that a value depends on, as a graph: a node is a question with its answer, an edge leads to an input. The
 * nearest come first, up to a bound. DOT (Graphviz) as text.
 */
import type { Way } from '../timeline.ts';
import type { Origin, Origins, Question } from './origin.ts';
import { inputsOf } from './chain.ts';

export interface GraphEdge {
  readonly from: number;
  readonly to: number;
  readonly name: string;
  /** It picked the value, and is not part of it. */
  readonly isAddress: boolean;
}

export interface OriginGraph {
  readonly nodes: readonly Origin[];
  readonly edges: readonly GraphEdge[];
  /** Inputs that were not gone to. */
  readonly leftOut: number;
}

const NODES_MAX = 300;

/** Leaves the machine somewhere. */
export function* originGraph(origins: Origins, question: Question, nodesMax = NODES_MAX): Way<OriginGraph> {
  const nodes: Origin[] = [yield* origins.of(question)];
  const edges: GraphEdge[] = [];
  const numbers = new Map<string, number>([[keyOf(nodes[0]), 0]]);
  let leftOut = 0;
  for (let i = 0; i < nodes.length; i++) {
    const { end } = nodes[i];
    for (const input of yield* inputsOf(origins, nodes[i])) {
      const key = keyOf(input);
      let number = numbers.get(key);
      if (number === undefined) {
        if (nodes.length >= nodesMax) {
          leftOut++;
          continue;
        }
        number = nodes.push(input) - 1;
        numbers.set(key, number);
      }
      edges.push({ from: i, to: number, name: input.question.name, isAddress: end.kind === 'image' });
    }
  }
  return { nodes, edges, leftOut };
}

function keyOf({ question: { places, position } }: Origin): string {
  return `${position.tick}/${position.seq} ${places.map(({ space, at, size }) => `${space}:${at}:${size}`).join()}`;
}

/** `textOf`: the lines of a node. */
export function graphToDot(graph: OriginGraph, textOf: (origin: Origin) => string): string {
  const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\l')}\\l"`;
  const lines = graph.nodes.map((node, i) => `  n${i} [label=${quoted(textOf(node))}];`);
  for (const { from, to, name, isAddress } of graph.edges) {
    const style = isAddress ? ', style=dashed' : '';
    lines.push(`  n${from} -> n${to} [label=${quoted(name)}${style}];`);
  }
  return ['digraph origin {', '  node [shape=box, fontname=monospace];', ...lines, '}'].join('\n');
}
