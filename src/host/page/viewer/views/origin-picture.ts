// A graph of origins drawn in rows: the value on top, below each node what it was made from, in the row behind the
// lowest of those that lead to it. Nodes are buttons; edges are lines on an SVG below them.

import type { OriginAnswer } from '../worker/answers/ask.ts';
import { h } from '../dom.ts';

const NODE_WIDTH = 300;
const GAP = 24;
const LINE_HEIGHT = 17;
const PADDING = 8;
/** Of a long chain of copies the first steps and the last. */
const LINES_MAX = 6;
const SVG = 'http://www.w3.org/2000/svg';

interface Box {
  readonly x: number;
  readonly y: number;
  readonly height: number;
}

/** Of each node the row: as far from the value as the longest way without a cycle. */
export function rowsOf(count: number, edges: OriginAnswer['edges']): number[] {
  const rows = new Array<number>(count).fill(0);
  // Nodes come nearest first: an edge back to an earlier one is a cycle, and moves nothing.
  for (let from = 0; from < count; from++) {
    for (const edge of edges)
      if (edge.from === from && edge.to > from) rows[edge.to] = Math.max(rows[edge.to], rows[from] + 1);
  }
  return rows;
}

function shown(lines: readonly string[]): readonly string[] {
  if (lines.length <= LINES_MAX) return lines;
  return [...lines.slice(0, 3), `… ${lines.length - LINES_MAX + 1} more`, ...lines.slice(-2)];
}

export function originPicture({ edges, nodes }: OriginAnswer, goTo: (tick: number, seq: number) => void): HTMLElement {
  const rows = rowsOf(nodes.length, edges);
  const boxes: Box[] = [];
  const filled: number[] = [];
  const heights: number[] = [];
  nodes.forEach(({ lines }, i) => {
    const height = shown(lines).length * LINE_HEIGHT + 2 * PADDING;
    heights[rows[i]] = Math.max(heights[rows[i]] ?? 0, height);
  });
  const tops = heights.map((_, row) => heights.slice(0, row).reduce((sum, height) => sum + height + 2 * GAP, 0));
  nodes.forEach(({ lines }, i) => {
    const row = rows[i];
    const column = filled[row] ?? 0;
    filled[row] = column + 1;
    const height = shown(lines).length * LINE_HEIGHT + 2 * PADDING;
    boxes.push({ x: column * (NODE_WIDTH + GAP), y: tops[row] ?? 0, height });
  });
  const width = Math.max(...filled, 1) * (NODE_WIDTH + GAP);
  const height = (tops.at(-1) ?? 0) + (heights.at(-1) ?? 0) + GAP;
  const buttons = nodes.map(({ lines, seq, tick }, i) => {
    const text = shown(lines).join('\n');
    const button = h('button', { type: 'button', class: 'origin-node mono', title: lines.join('\n') }, text);
    button.addEventListener('click', () => goTo(tick, seq));
    Object.assign(button.style, {
      left: `${boxes[i].x}px`,
      top: `${boxes[i].y}px`,
      width: `${NODE_WIDTH}px`,
      height: `${boxes[i].height}px`,
    });
    return button;
  });
  const element = h('div', { class: 'origin-graph' });
  Object.assign(element.style, { width: `${width}px`, height: `${height}px` });
  element.append(linesOf(edges, boxes, width, height), ...buttons);
  return element;
}

function linesOf(edges: OriginAnswer['edges'], boxes: readonly Box[], width: number, height: number): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('width', String(width));
  svg.setAttribute('height', String(height));
  svg.setAttribute('aria-hidden', 'true');
  for (const { from, isAddress, to } of edges) {
    const [a, b] = [boxes[from], boxes[to]];
    const line = document.createElementNS(SVG, 'line');
    line.setAttribute('x1', String(a.x + NODE_WIDTH / 2));
    line.setAttribute('y1', String(a.y + a.height));
    line.setAttribute('x2', String(b.x + NODE_WIDTH / 2));
    line.setAttribute('y2', String(b.y));
    if (isAddress) line.setAttribute('stroke-dasharray', '4 4');
    svg.append(line);
  }
  return svg;
}
