/**
 * The library in one page: boot a guest, talk to it, record the talk, look at the log, replay it, and meddle with the
 * replay to see it notice. In an installed package the first import reads `from 'reprise'`.
 */
import { describeDivergence, logEvents, openLog, record, replay, serialText, summarizeLog } from '../../src/library.ts';
import { createMachine, eventToText } from '../../src/library.ts';

/** `kernel` is a multiboot kernel that echoes lines and ends at "quit"; returns what it has to say, line by line. */
export async function tour(kernel: Uint8Array): Promise<string[]> {
  const said: string[] = [];

  // A machine to play with: nothing is recorded.
  let text = '';
  const guest = await createMachine({
    images: { kernel },
    memoryMegabytes: 4,
    onSerial: (_line, byte) => (text += String.fromCharCode(byte)),
  });
  guest.run(1_000_000);
  guest.push(serialText('hi\n'));
  guest.run(2_000_000);
  said.push(`at tick ${guest.tick} the guest has said ${JSON.stringify(text)}`);

  // A run with its log.
  const recorded = await record({
    images: { kernel },
    memoryMegabytes: 4,
    hashEveryTicks: 1_000_000,
    inputs: [
      { tick: 3_000_000, event: serialText('hi\n') },
      { tick: 5_000_000, event: serialText('quit\n') },
    ],
  });
  said.push(`recorded ${recorded.tick} ticks, ended by ${recorded.reason} ${recorded.debugExit}`);

  // What is in it.
  const log = openLog(recorded.log);
  for (const { tick, event } of logEvents(log, { class: 'input' }))
    said.push(`input at tick ${tick}: ${eventToText(event)}`);
  const { events } = summarizeLog(log);
  said.push(`checks of ${events.filter((entry) => entry.class === 'check').length} kinds`);

  // Again, exactly; then with one bit changed on the way.
  const again = await replay(log, { images: { kernel } });
  said.push(`replayed: ${again.divergence === null && again.hash === recorded.hash ? 'the same' : 'another run'}`);
  let isChanged = false;
  const meddled = await replay(log, {
    images: { kernel },
    inspect: {
      everyTicks: 4_000_000,
      look: (machine) => {
        if (!isChanged) machine.space.writeBytes(0x300000, Uint8Array.of(1));
        isChanged = true;
      },
    },
  });
  said.push(meddled.divergence === null ? 'nobody noticed' : describeDivergence(meddled.divergence));
  return said;
}
