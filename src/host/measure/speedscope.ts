// A measurement as a file for speedscope (its file format, version 0.0.1): a profile of guest time in ticks by function
// and block, and one of host time by call chain, for each engine. And as CSV, a line a contestant.

import { labelOf } from './bench-text.ts';
import { type Measurement, type Row, rowFigures } from './measurement.ts';

const SCHEMA = 'https://www.speedscope.app/file-format-schema.json';

interface SampledProfile {
  readonly type: 'sampled';
  readonly name: string;
  readonly unit: 'none' | 'milliseconds';
  readonly startValue: 0;
  readonly endValue: number;
  readonly samples: readonly (readonly number[])[];
  readonly weights: readonly number[];
}

export interface SpeedscopeFile {
  readonly $schema: typeof SCHEMA;
  readonly name: string;
  readonly exporter: string;
  readonly activeProfileIndex: 0;
  readonly shared: { readonly frames: readonly { readonly name: string; readonly file?: string }[] };
  readonly profiles: readonly SampledProfile[];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

export function speedscopeFile(measured: Measurement): SpeedscopeFile {
  const frames: { name: string; file?: string }[] = [];
  const known = new Map<string, number>();
  const frame = (name: string, file = ''): number => {
    const key = `${name}\n${file}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    known.set(key, frames.length);
    return frames.push(file === '' ? { name } : { name, file }) - 1;
  };
  const profiles: SampledProfile[] = [];
  const add = (name: string, unit: SampledProfile['unit'], list: readonly (readonly [number[], number])[]): void => {
    const weights = list.map(([, weight]) => weight);
    const samples = list.map(([stack]) => stack);
    profiles.push({ type: 'sampled', name, unit, startValue: 0, endValue: sum(weights), samples, weights });
  };
  for (const part of measured.counted.filter(({ build }) => build === '')) {
    const list = part.flame.flatMap(({ name, block, compiled, interpreted }) =>
      (
        [
          ['compiled', compiled],
          ['interpreted', interpreted],
        ] as const
      )
        .filter(([, ticks]) => ticks > 0)
        .map(([tier, ticks]): [number[], number] => [[frame(name), frame(tier), frame(block)], ticks]),
    );
    add(`guest ticks, ${part.engine}`, 'none', list);
  }
  for (const row of measured.rows) {
    const { host } = row;
    if (host === null) continue;
    const names =
      measured.counted.find(({ engine, build }) => engine === row.engine && build === row.build)?.names ?? {};
    const list = host.stacks.map(({ frames: chain, ms }): [number[], number] => [
      chain.map((index) => {
        const { name, file, physical, mode } = host.frames[index];
        return physical < 0 ? frame(name, file) : frame(names[`${physical}:${mode}`] ?? name, 'guest');
      }),
      ms,
    ]);
    add(`host time, ${labelOf(row)}`, 'milliseconds', list);
  }
  const { work } = measured;
  const name = `${work.name} ${work.fromTick}-${work.toTick}`;
  return { $schema: SCHEMA, name, exporter: 'reprise bench', activeProfileIndex: 0, shared: { frames }, profiles };
}

const COLUMNS: readonly (readonly [name: string, of: (row: Row) => string | number])[] = [
  ['engine', ({ engine }) => engine],
  ['build', ({ build }) => build],
  ['failure', ({ failure }) => failure],
  ['million_instructions_per_second', (row) => rowFigures(row).speed],
  ['spread', (row) => rowFigures(row).spread],
  ['steady_million_instructions_per_second', (row) => rowFigures(row).steadySpeed],
  ['warm_up_ms', (row) => rowFigures(row).warmUpMs],
  ['warm_up_ticks', (row) => rowFigures(row).warmUpTicks],
  ['main_ms', ({ mainMs }) => mainMs],
  ['process_ms', ({ processMs }) => processMs],
  ['wall_ms', ({ wallMs }) => wallMs],
  ['loading_ms', ({ loadingMs }) => loadingMs],
  ['functions', ({ compile }) => compile.functions],
  ['code_size', ({ compile }) => compile.size],
  ['compile_ms', ({ compile }) => compile.ms],
  ['gc_ms', ({ garbage }) => garbage.ms],
  ['peak_megabytes', ({ memory }) => memory.peakMegabytes],
];

const quoted = (value: string | number): string => {
  const text = typeof value === 'number' ? (Number.isFinite(value) ? String(value) : '') : value;
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** RFC 4180. */
export function csvText(measured: Measurement): string {
  const lines = [
    COLUMNS.map(([name]) => name),
    ...measured.rows.map((row) => COLUMNS.map(([, of]) => quoted(of(row)))),
  ];
  return `${lines.map((cells) => cells.join(',')).join('\r\n')}\r\n`;
}
