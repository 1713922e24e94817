/**
 * A log that claims another image than it was recorded with: every frame as it was, but the header written anew. What
 * replays it runs the other image and has to notice.
 */
import { createHash } from 'node:crypto';
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from '../../src/core/log/frames.ts';
import { encodeHeader, type MachineManifest } from '../../src/core/log/manifest.ts';
import { openLog } from '../../src/library.ts';

export function forgeImage(bytes: Uint8Array, kernel: Uint8Array): Uint8Array {
  const sha256 = createHash('sha256').update(kernel).digest('hex');
  const images = openLog(bytes).header.machine.images.map((record) => ({
    ...record,
    sha256,
    sizeBytes: kernel.length,
  }));
  return forgeMachine(bytes, { images });
}

/** The same of anything that its manifest says. */
export function forgeMachine(bytes: Uint8Array, changes: Partial<MachineManifest>): Uint8Array {
  const log = openLog(bytes);
  const header = encodeHeader({ ...log.header, machine: { ...log.header.machine, ...changes } });
  const first = encodeFrame(FRAME_KIND.header, 0, 0, 0, header);
  return Buffer.concat([first, bytes.subarray(FRAME_HEADER_BYTES + log.frames[0].payloadBytes)]);
}
