// `screen`: what the guest's screen shows at this moment, as text (code page 437 as Unicode, without spaces at the ends
// of lines), or as a PNG file that must not exist yet. Where no device runs nobody knows the screen, and it says so.

import { screenText } from '../../core/devices/display/screen.ts';
import { CommandError } from '../node/errors.ts';
import { NewFile } from '../node/new-file.ts';
import { pictureOf, screenLines, screenOf, whyNoScreen } from '../screen/screen-of.ts';
import { plain } from './arguments.ts';
import type { Command, Debugger, Output } from './debugger.ts';
import { DebuggerError } from './debugger-error.ts';

async function showScreen({ timeline }: Debugger, rest: string): Promise<Output> {
  const { machine } = timeline;
  const problem = whyNoScreen(timeline.log.header.machine, machine.board.devices.length === 0 ? 'log' : 'model');
  if (problem !== null) throw new DebuggerError(problem);
  const screen = screenOf(machine);
  const { width, height } = screen;
  if (rest === '') {
    const lines = screenLines(machine);
    return plain(lines.join('\n').trimEnd(), { width, height, text: screenText(pictureOf(machine)) });
  }
  const { encodePng } = await import('../screen/png.ts');
  const file = new NewFile(rest, { what: 'screenshot' });
  try {
    file.open().write(encodePng(screen));
    file.close();
  } catch (error) {
    if (error instanceof CommandError) throw new DebuggerError(error.message);
    throw error;
  }
  return plain(`${width} × ${height} dots are in ${rest}`, { width, height, file: rest });
}

export const SCREEN: Command = {
  names: ['screen'],
  usage: '[FILE]',
  summary: 'the text on the screen, or the screen as a PNG file',
  group: 'look',
  completes: ['file'],
  run: showScreen,
};
