// The terminal of a serial line (xterm.js), of a recording as of a guest that runs: as wide as guests expect, in the
// colours of the page, and silent about what a guest sends, which is no error of the page.

import { Terminal } from '@xterm/xterm';

const DARK = { background: '#0d1117', foreground: '#e6edf3', cursor: '#e6edf3' };
const LIGHT = { background: '#ffffff', foreground: '#1b1f24', cursor: '#1b1f24' };

/** `isReadOnly`: keys go nowhere. */
export function makeTerminal({ isReadOnly }: { isReadOnly: boolean }): Terminal {
  const colors = matchMedia('(prefers-color-scheme: dark)');
  const theme = () => (colors.matches ? DARK : LIGHT);
  const terminal = new Terminal({
    cols: 80,
    rows: 24,
    convertEol: true,
    disableStdin: isReadOnly,
    scrollback: 20_000,
    fontSize: 13,
    screenReaderMode: false,
    logLevel: 'off',
    theme: theme(),
  });
  colors.addEventListener('change', () => {
    terminal.options.theme = theme();
  });
  return terminal;
}
