// `reprise help`: the list of verbs, or what `reprise VERB --help` says; with --json the rows themselves. Also finds a
// verb by its name, with a suggestion where there is none.

import { UsageError } from '../../core/base/usage-error.ts';
import { VERSION } from '../../version.ts';
import { nearest } from '../nearest.ts';
import { type Arguments, optionsOf, type VerbSpec } from './args.ts';
import { overview, verbHelp } from './help.ts';
import { printJson } from './report.ts';

export function findVerb<V extends VerbSpec>(verbs: readonly V[], name: string): V {
  const verb = verbs.find((candidate) => candidate.name === name);
  if (verb !== undefined) return verb;
  const near = nearest(
    name,
    verbs.map((candidate) => candidate.name),
  );
  const hint = near === undefined ? '' : `did you mean ${near}? `;
  throw new UsageError(`There is no verb "${name}": ${hint}reprise --help lists them.`);
}

function rowOf(verb: VerbSpec) {
  const { name, summary, positionals } = verb;
  return { name, summary, positionals, options: optionsOf(verb) };
}

export async function helpCommand(args: Arguments, verbs: readonly VerbSpec[]): Promise<number> {
  const [name] = args.positionals;
  if (args.has('json')) {
    printJson(name === undefined ? verbs.map(rowOf) : rowOf(findVerb(verbs, name)));
    return 0;
  }
  process.stdout.write(name === undefined ? overview(verbs, VERSION) : verbHelp(findVerb(verbs, name)));
  return 0;
}
