// `reprise man`: the manual page, in the macros of man(7), from the rows of the table. Without a date, so that the same
// version gives the same bytes.

import { VERSION } from '../../version.ts';
import type { Arguments, VerbSpec } from './args.ts';
import { optionGroups, positionalText } from './help.ts';

/** Text that troff reads as text: no escapes, no requests, minus signs that can be copied. */
function roff(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replace(/^[.']/gm, '\\&$&');
}

function verbSection(verb: VerbSpec): string[] {
  const { name, positionals, summary, notes = [] } = verb;
  const places = positionals.map((positional) => ` \\fI${roff(positionalText(positional))}\\fR`).join('');
  const lines = [`.SS "reprise ${roff(name)}${positionals.map((p) => ` ${roff(positionalText(p))}`).join('')}"`];
  lines.push(`\\fBreprise ${roff(name)}\\fR${places} [\\fIoptions\\fR]`, '.PP', roff(summary));
  for (const [heading, options] of optionGroups(verb)) {
    lines.push('.PP', `${roff(heading)}:`);
    for (const { name: option, short, value, help } of options) {
      const spelling = `${short === undefined ? '' : `\\fB\\-${short}\\fR, `}\\fB\\-\\-${roff(option)}\\fR`;
      lines.push('.TP', `${spelling}${value === undefined ? '' : ` \\fI${roff(value)}\\fR`}`, roff(help));
    }
  }
  for (const note of notes) lines.push('.PP', roff(note));
  return lines;
}

export function manPage(verbs: readonly VerbSpec[]): string {
  return `${[
    `.TH REPRISE 1 "" "Reprise ${VERSION}" "User Commands"`,
    '.SH NAME',
    'reprise \\- record a whole x86 PC and play it again, exactly',
    '.SH SYNOPSIS',
    '\\fBreprise\\fR \\fIVERB\\fR [\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    'Reprise boots an x86 guest, records everything that enters it, and runs it again to the same bits: every ' +
      'instruction, every interrupt, every byte of memory, on any engine.',
    '.PP',
    '\\fBreprise help\\fR lists the verbs, \\fBreprise help\\fR \\fIVERB\\fR the options of one.',
    '.SH VERBS',
    ...verbs.flatMap(verbSection),
    '.SH EXAMPLES',
    '.nf',
    roff('reprise record boot.rlog --kernel vmlinuz --initrd initrd.gz --append "console=ttyS0" --memory 256'),
    roff('reprise replay boot.rlog'),
    roff('reprise debug boot.rlog --exec \'seek serial:"login"; registers\''),
    '.fi',
    '.SH ENVIRONMENT',
    '.TP',
    '.B NO_COLOR',
    'When set, nothing is coloured.',
    '.SH FILES',
    '.TP',
    '.I $XDG_STATE_HOME/reprise/images',
    'Where recordings had their images, by SHA-256 (without the variable: ~/.local/state). Whatever is found is ' +
      'verified before it is used; the folder may be deleted.',
    '.TP',
    '.IR LOG .images',
    'A folder beside a log in which its images are looked for.',
    '.SH EXIT STATUS',
    '0 when all went well, 1 when a replay left the recorded run or engines differ, 2 for wrong usage and for ' +
      'files that cannot be used, 128 and the number of the signal when stopped by one. \\fBrun\\fR and ' +
      '\\fBrecord\\fR end with the status of the guest.',
  ].join('\n')}\n`;
}

export async function manCommand(_args: Arguments, verbs: readonly VerbSpec[]): Promise<number> {
  process.stdout.write(manPage(verbs));
  return 0;
}
