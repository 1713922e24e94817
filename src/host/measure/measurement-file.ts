// Files of measurements: written anew, read with whatever is wrong with one as a sentence. A file is JSON, so that
// programs read it too; its first fields say what it is.

import { CommandError } from '../node/errors.ts';
import { readGivenFile } from '../node/images.ts';
import { NewFile } from '../node/new-file.ts';
import { FORMAT, type Measurement, VERSION } from './measurement.ts';

const WANTED = 'give a file that reprise bench --save wrote';

/** Created at once, so that nobody measures for minutes and then cannot keep it. */
export function newMeasurementFile(path: string): NewFile {
  return new NewFile(path, { what: 'measurement' }).open();
}

export function readMeasurement(path: string): Measurement {
  const bytes = readGivenFile(path, 'measurement', WANTED);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch {
    throw new CommandError(`The measurement ${path} is no JSON, or was cut off: ${WANTED}.`);
  }
  if (!isMeasurement(value)) throw new CommandError(`The file ${path} is no measurement: ${WANTED}.`);
  if (value.version !== VERSION) {
    throw new CommandError(
      `The measurement ${path} is of version ${String(value.version)}, this build reads ${VERSION}: measure it anew.`,
    );
  }
  return value;
}

/** As far as it says itself, and has the parts that are read. */
function isMeasurement(value: unknown): value is Measurement {
  if (typeof value !== 'object' || value === null || (value as { format?: unknown }).format !== FORMAT) return false;
  const { work, rows, counted, host } = value as Partial<Record<keyof Measurement, unknown>>;
  return (
    [work, host].every((part) => typeof part === 'object' && part !== null) && [rows, counted].every(Array.isArray)
  );
}
