// What happens when standard output can take no more: a reader that has gone away (`reprise info LOG | head -1`) ends
// the program quietly with the status that a shell gives for it, a full disk with one line. Whoever has something to
// bring to an end first (a recording) claims the moment. Standard error has nobody to complain to: it is given up.

/** 128 + SIGPIPE, as of every program that is ended so. */
const CLOSED_STATUS = 141;
const FULL_STATUS = 2;

const WHY: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be too large',
};
/** No reader, or no terminal any more. */
const CLOSED = ['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END'];

let lostStatus: number | null = null;
let claimed: (() => void) | null = null;

/** Status that the program ends with because standard output is lost; null while it is not. */
export function lostOutputStatus(): number | null {
  return lostStatus;
}

/** `onLost` is called instead of ending the program; who claims it ends with `lostOutputStatus`. */
export function claimLostOutput(onLost: () => void): void {
  claimed = onLost;
  if (lostStatus !== null) onLost();
}

export function guardStandardStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (lostStatus !== null) return;
    const code = error.code ?? '';
    lostStatus = CLOSED.includes(code) ? CLOSED_STATUS : FULL_STATUS;
    if (lostStatus === FULL_STATUS) {
      process.stderr.write(`reprise: standard output cannot be written, ${WHY[code] ?? code}: send it elsewhere.\n`);
    }
    if (claimed === null) process.exit(lostStatus);
    // The command may have ended already: its last words were lost.
    process.exitCode = lostStatus;
    claimed();
  });
  process.stderr.on('error', () => {});
}
