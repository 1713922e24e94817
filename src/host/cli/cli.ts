// The command `reprise`: finds the verb, loads its file and nothing else, and turns whatever goes wrong into one
// sentence and an exit status. Nothing here knows what the verbs do.

import {
  type Arguments,
  commandHelp,
  CommandError,
  type CommandSpec,
  nearest,
  parseArguments,
  UsageError,
} from './args.ts';
import { VERSION } from '../../version.ts';

interface Verb {
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly spec: CommandSpec; readonly run: (args: Arguments) => Promise<number> }>;
}

const VERBS: Readonly<Record<string, Verb>> = {
  run: {
    usage: 'run',
    summary: 'boot a guest, record nothing',
    load: async () => {
      const { RUN, runCommand } = await import('./run-command.ts');
      return { spec: RUN, run: runCommand };
    },
  },
  record: {
    usage: 'record LOG',
    summary: 'the same, recorded',
    load: async () => {
      const { RECORD, recordCommand } = await import('./record-command.ts');
      return { spec: RECORD, run: recordCommand };
    },
  },
  replay: {
    usage: 'replay LOG',
    summary: 'again, exactly; exit 1 on divergence',
    load: async () => {
      const { REPLAY, replayCommand } = await import('./replay-command.ts');
      return { spec: REPLAY, run: replayCommand };
    },
  },
  verify: {
    usage: 'verify LOG',
    summary: 'lockstep on several engines; exit 1 when they differ',
    load: async () => {
      const { VERIFY, verifyCommand } = await import('./verify-command.ts');
      return { spec: VERIFY, run: verifyCommand };
    },
  },
  info: {
    usage: 'info LOG',
    summary: 'manifest, size, events by kind',
    load: async () => {
      const { INFO, infoCommand } = await import('./info-command.ts');
      return { spec: INFO, run: infoCommand };
    },
  },
  events: {
    usage: 'events LOG',
    summary: 'list and filter the events of a log',
    load: async () => {
      const { EVENTS, eventsCommand } = await import('./events-command.ts');
      return { spec: EVENTS, run: eventsCommand };
    },
  },
  debug: {
    usage: 'debug LOG',
    summary: 'walk through a recorded run, forwards and backwards; --gdb PORT serves gdb',
    load: async () => {
      const { DEBUG, debugCommand } = await import('./debug-command.ts');
      return { spec: DEBUG, run: debugCommand };
    },
  },
  trace: {
    usage: 'trace LOG FILE',
    summary: 'a recorded run as Trace Event JSON, for Perfetto',
    load: async () => {
      const { TRACE, traceCommand } = await import('./trace-command.ts');
      return { spec: TRACE, run: traceCommand };
    },
  },
  explain: {
    usage: 'explain HEX',
    summary: 'bytes, their rows, IR and what compiled code they become',
    load: async () => {
      const { EXPLAIN, explainCommand } = await import('./explain-command.ts');
      return { spec: EXPLAIN, run: explainCommand };
    },
  },
};

function overview(): string {
  const verbs = Object.values(VERBS).map(({ usage, summary }) => `  reprise ${usage.padEnd(14)} ${summary}`);
  return `Reprise ${VERSION}: records a whole x86 PC and plays it again, exactly.

usage: reprise VERB [options]

${verbs.join('\n')}

reprise VERB --help lists the options of a verb. --json, --no-color and --help work everywhere.

  reprise record boot.rlog --kernel vmlinuz --initrd initrd.gz --append "console=ttyS0" --memory 256
  reprise replay boot.rlog --kernel vmlinuz --initrd initrd.gz
`;
}

export async function main(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined) {
    process.stderr.write(overview());
    return 2;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview());
    return 0;
  }
  if (name === '--version') {
    process.stdout.write(`reprise ${VERSION}\n`);
    return 0;
  }
  if (!Object.hasOwn(VERBS, name)) {
    const near = nearest(name, Object.keys(VERBS));
    const hint = near === undefined ? '' : `did you mean ${near}? `;
    throw new UsageError(`There is no verb "${name}": ${hint}reprise --help lists them.`);
  }
  const { spec, run } = await VERBS[name].load();
  const args = parseArguments(spec, rest);
  if (args.has('help')) {
    process.stdout.write(commandHelp(spec));
    return 0;
  }
  return run(args);
}

/** What a person should read; null for a bug of ours. */
function sentenceOf(error: unknown): { readonly text: string; readonly status: number } | null {
  if (error instanceof UsageError) return { text: error.message, status: 2 };
  if (error instanceof CommandError) return { text: error.message, status: error.status };
  // Loaders, sessions, logs and engines are loaded with the verbs: known by name here.
  if (error instanceof Error && ['BootError', 'SessionError', 'LogError', 'EngineError'].includes(error.name)) {
    // Loaders begin their sentences in lower case, as the rest of one.
    return { text: error.message[0].toUpperCase() + error.message.slice(1), status: 2 };
  }
  return null;
}

function fail(error: unknown): void {
  const known = sentenceOf(error);
  if (known !== null) {
    process.stderr.write(`reprise: ${known.text}\n`);
    process.exitCode = known.status;
    return;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`reprise: this is a bug of Reprise, please report it with the following.\n${text}\n`);
  process.exitCode = 70;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  fail(error);
}
