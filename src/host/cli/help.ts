// Help texts, made from the rows of verbs.ts: the list of verbs and the options of one. Wrapped to a width at which
// they can be read in a terminal and in a mail. Knows nothing of what the verbs do.

import { type OptionSpec, optionsOf, type Positional, programOf, type VerbSpec } from './args.ts';

const HELP_COLUMN = 26;
export const HELP_WIDTH = 100;

export function positionalText({ name, isOptional, isRepeated }: Positional): string {
  const text = isRepeated === true ? `${name}...` : name;
  return isOptional === true ? `[${text}]` : text;
}

/** `reprise record LOG` */
export function synopsis(verb: VerbSpec): string {
  return [programOf(verb), ...verb.positionals.map(positionalText)].join(' ');
}

/** `-o, --out FILE` */
export function optionText({ name, short, value }: OptionSpec): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

/** Options under their headings, in the order of the table. */
export function optionGroups(verb: VerbSpec): [heading: string, options: OptionSpec[]][] {
  const groups: [string, OptionSpec[]][] = [];
  for (const option of optionsOf(verb)) {
    const heading = option.group ?? 'Options';
    const last = groups.at(-1);
    if (last?.[0] === heading) last[1].push(option);
    else groups.push([heading, [option]]);
  }
  return groups;
}

export function verbHelp(verb: VerbSpec): string {
  const lines = [`usage: ${synopsis(verb)} [options]`, '', ...wrap(verb.summary, HELP_WIDTH)];
  for (const [heading, options] of optionGroups(verb)) {
    lines.push('', `${heading}:`);
    for (const option of options) {
      const head = `  ${optionText(option)}`;
      const [first = '', ...rest] = wrap(option.help, HELP_WIDTH - HELP_COLUMN);
      if (head.length > HELP_COLUMN - 2) lines.push(head, ' '.repeat(HELP_COLUMN) + first);
      else lines.push(head.padEnd(HELP_COLUMN) + first);
      for (const line of rest) lines.push(' '.repeat(HELP_COLUMN) + line);
    }
  }
  for (const note of verb.notes ?? []) lines.push('', ...wrap(note, HELP_WIDTH));
  return `${lines.join('\n')}\n`;
}

export function overview(verbs: readonly VerbSpec[], version: string): string {
  const heads = verbs.map(synopsis);
  const width = Math.max(...heads.map(({ length }) => length)) + 2;
  const list = verbs.map(({ brief }, i) => `  ${heads[i].padEnd(width)}${brief}`);
  return `Reprise ${version}: records a whole x86 PC and plays it again, exactly.

usage: reprise VERB [options]

${list.join('\n')}

reprise VERB --help or reprise help VERB lists the options of a verb. --json, --no-color and --help work everywhere;
reprise -V says the version.

  reprise record boot.rlog --kernel vmlinuz --initrd initrd.gz --append "console=ttyS0" --memory 256
  reprise replay boot.rlog
`;
}

export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines;
}
