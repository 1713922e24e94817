// `reprise completion SHELL`: scripts for bash, zsh and fish that complete verbs, options, their values, engines and
// recordings. Made from the rows of the table and complete in themselves: the shell starts no program at a Tab.

import { engineNames } from '../../engines.ts';
import { VERSION } from '../../version.ts';
import { queryWords } from '../query/grammar.ts';
import { type Arguments, type OptionSpec, optionsOf, type Positional, type VerbSpec } from './args.ts';

/** Words that can stand for a value; null where it is a file, a recording or free text. */
function wordsFor({ choices, suggestions, kind }: Partial<OptionSpec>, verbs: readonly VerbSpec[]) {
  if (choices !== undefined || suggestions !== undefined) return choices ?? suggestions ?? null;
  if (kind === 'engine' || kind === 'engines') return engineNames();
  if (kind === 'query') return [...new Set(queryWords().map((word) => word.replace('(', '')))];
  return kind === 'verb' ? verbs.map(({ name }) => name) : null;
}

const namesOf = (verbs: readonly VerbSpec[]): string => verbs.map(({ name }) => name).join(' ');

/** As one word of any of the three shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

// ---------------------------------------------------------------------------------------------------------------
// bash: one function that looks at the words so far

function bashAction(wanted: Partial<OptionSpec>, verbs: readonly VerbSpec[]): string {
  const words = wordsFor(wanted, verbs);
  const how = wanted.kind === 'engines' ? 'list' : wanted.kind === 'query' ? 'last' : 'words';
  if (words !== null) return `_reprise_${how} ${quoted(words.join(' '))}`;
  if (wanted.kind === 'log') return '_reprise_logs';
  return wanted.kind === undefined ? ':' : '_reprise_files';
}

function bashCompletion(verbs: readonly VerbSpec[]): string {
  const spellings = ({ name, short }: OptionSpec): string[] => [
    ...(short === undefined ? [] : [`-${short}`]),
    `--${name}`,
  ];
  const valued: string[] = [];
  const values: string[] = [];
  const options: string[] = [];
  const places: string[] = [];
  for (const verb of verbs) {
    options.push(`    ${verb.name}) options=${quoted(optionsOf(verb).flatMap(spellings).join(' '))} ;;`);
    for (const option of optionsOf(verb)) {
      if (option.value === undefined) continue;
      const pattern = spellings(option)
        .map((spelling) => `${verb.name}:${spelling}`)
        .join('|');
      valued.push(pattern);
      values.push(`    ${pattern}) ${bashAction(option, verbs)} ; return ;;`);
    }
    verb.positionals.forEach((positional, i) => {
      places.push(`    ${verb.name}:${i}) ${bashAction(positional, verbs)} ;;`);
    });
  }
  return `# bash completion of reprise ${VERSION}: source <(reprise completion bash)
_reprise_words() {
  local word
  for word in $1; do [[ $word == "$cur"* ]] && COMPREPLY+=("$word"); done
}
_reprise_list() {
  local word before=
  [[ $cur == *,* ]] && before=\${cur%,*},
  for word in $1; do [[ $before$word == "$cur"* ]] && COMPREPLY+=("$before$word"); done
}
# The last word of an expression in quotes.
_reprise_last() {
  local word plain=\${cur#[\\'\\"]} begun before
  begun=\${plain##*[^A-Za-z_]}
  before=\${plain%"$begun"}
  compopt -o nospace 2>/dev/null
  for word in $1; do [[ $word == "$begun"* ]] && COMPREPLY+=("$before$word"); done
}
_reprise_take() {
  local line
  compopt -o filenames 2>/dev/null
  while IFS= read -r line; do COMPREPLY+=("$line"); done
}
_reprise_files() { _reprise_take < <(compgen -f -- "$cur"); }
_reprise_logs() {
  _reprise_take < <(compgen -f -X '!*.rlog' -- "$cur"; compgen -d -- "$cur")
  [[ \${#COMPREPLY[@]} -eq 0 ]] && _reprise_files
}
_reprise_takes_value() {
  case $1 in
    ${valued.join('|')}) return 0 ;;
  esac
  return 1
}
_reprise() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} verb=\${COMP_WORDS[1]} options= place=0 i
  COMPREPLY=()
  # An equals sign is a word of its own.
  if [[ $cur == = ]]; then cur=
  elif [[ $prev == = && COMP_CWORD -gt 2 ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if [[ COMP_CWORD -eq 1 ]]; then
    if [[ $cur == -* ]]; then _reprise_words '-h --help -V --version'; else _reprise_words '${namesOf(verbs)}'; fi
    return
  fi
  case $verb:$prev in
${values.join('\n')}
  esac
  if [[ $cur == -* ]]; then
    case $verb in
${options.join('\n')}
    esac
    _reprise_words "$options"
    return
  fi
  for ((i = 2; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} == -?* ]]; then
      _reprise_takes_value "$verb:\${COMP_WORDS[i]}" && ((i++)) && [[ \${COMP_WORDS[i]} == = ]] && ((i++))
    else ((place++))
    fi
  done
  case $verb:$place in
${places.join('\n')}
  esac
}
complete -F _reprise reprise
`;
}

// ---------------------------------------------------------------------------------------------------------------
// zsh: rows for _arguments

function zshText(text: string): string {
  return text.replace(/[\\[\]:]/g, '\\$&').replaceAll("'", `'\\''`);
}

function zshAction(wanted: Partial<OptionSpec>, verbs: readonly VerbSpec[]): string {
  const words = wordsFor(wanted, verbs);
  if (words !== null)
    return wanted.kind === 'engines' ? `_values -s , engine ${words.join(' ')}` : `(${words.join(' ')})`;
  if (wanted.kind === 'log') return '_files -g "*.rlog(-.)"';
  if (wanted.kind === 'directory') return '_files -/';
  return wanted.kind === undefined ? ' ' : '_files';
}

function zshOption(option: OptionSpec, verbs: readonly VerbSpec[]): string {
  const { name, short, value, repeat, help } = option;
  const takes = value === undefined ? '' : `:${zshText(value)}:${zshAction(option, verbs)}`;
  const row = (spelling: string): string =>
    quotedRow(`${repeat === true ? '*' : short === undefined ? '' : `(-${short} --${name})`}${spelling}`, help, takes);
  const long = row(`--${name}${value === undefined ? '' : '='}`);
  return short === undefined ? long : `${row(`-${short}${value === undefined ? '' : '+'}`)} \\\n        ${long}`;
}

function quotedRow(head: string, help: string, takes: string): string {
  return `'${head}[${zshText(help)}]${takes}'`;
}

function zshCompletion(verbs: readonly VerbSpec[]): string {
  const cases = verbs.map((verb) => {
    const rows = [
      ...optionsOf(verb).map((option) => zshOption(option, verbs)),
      ...verb.positionals.map((positional, i) => {
        const optional = positional.isOptional === true ? ':' : '';
        return `'${i + 1}:${optional}${zshText(positional.name)}:${zshAction(positional, verbs)}'`;
      }),
    ];
    return `    ${verb.name})\n      _arguments -S \\\n        ${rows.join(' \\\n        ')} ;;`;
  });
  const described = verbs.map(({ name, brief }) => `    '${name}:${zshText(brief)}'`);
  return `#compdef reprise
# zsh completion of reprise ${VERSION}: reprise completion zsh > a folder of $fpath/_reprise
_reprise() {
  local -a verbs
  verbs=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    if [[ $PREFIX == -* ]]; then compadd -- -h --help -V --version; else _describe -t verbs verb verbs; fi
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _reprise ]]; then _reprise "$@"; else compdef _reprise reprise; fi
`;
}

// ---------------------------------------------------------------------------------------------------------------
// fish: one line an option

function fishText(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function fishValue(wanted: Partial<OptionSpec>, verbs: readonly VerbSpec[]): string {
  const words = wordsFor(wanted, verbs);
  if (words !== null) {
    const list = words.join(' ');
    return wanted.kind === 'engines' ? `-x -a "(__fish_append , ${list})"` : `-x -a '${list}'`;
  }
  if (wanted.kind === 'log') return "-x -k -a '(__fish_complete_suffix .rlog)'";
  if (wanted.kind === 'directory') return "-x -a '(__fish_complete_directories)'";
  return wanted.kind === undefined ? '-x' : '-r -F';
}

function fishPlace(positional: Positional, verbs: readonly VerbSpec[]): string {
  const value = fishValue(positional, verbs).replace(/^-[rx] ?/, '');
  return value === '' ? '-f' : value;
}

function fishCompletion(verbs: readonly VerbSpec[]): string {
  const lines: string[] = [];
  for (const verb of verbs) {
    const { name, brief, positionals } = verb;
    lines.push(`complete -c reprise -n __reprise_no_verb -a ${name} -d ${fishText(brief)}`);
    const when = `complete -c reprise -n '__reprise_verb ${name}'`;
    for (const option of optionsOf(verb)) {
      const short = option.short === undefined ? '' : ` -s ${option.short}`;
      const value = option.value === undefined ? '' : ` ${fishValue(option, verbs)}`;
      lines.push(`${when}${short} -l ${option.name}${value} -d ${fishText(option.help)}`);
    }
    for (const positional of positionals) lines.push(`${when} ${fishPlace(positional, verbs)}`);
  }
  return `# fish completion of reprise ${VERSION}: reprise completion fish > ~/.config/fish/completions/reprise.fish
function __reprise_no_verb
    test (count (commandline -opc)) -eq 1
end
function __reprise_verb
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test $words[2] = $argv[1]
end
complete -c reprise -f
complete -c reprise -n __reprise_no_verb -s h -l help -d 'list the verbs'
complete -c reprise -n __reprise_no_verb -s V -l version -d 'the version'
${lines.join('\n')}
`;
}

export async function completionCommand(args: Arguments, verbs: readonly VerbSpec[]): Promise<number> {
  const [shell] = args.positionals;
  const make = shell === 'bash' ? bashCompletion : shell === 'zsh' ? zshCompletion : fishCompletion;
  process.stdout.write(make(verbs));
  return 0;
}
