/**
 * The small pieces that everything else is made of, by mitata: decoding, the state digest, 80-bit arithmetic, an event
 * into the log's columns. `npm run bench micro`. Numbers of one machine compare only with numbers of the same run.
 */
import { bench, run } from 'mitata';
import { hashWords } from '../src/core/base/hash.ts';
import { addF80, multiplyF80 } from '../src/core/cpu/float/x87/f80-arithmetic.ts';
import { makeFloatEnvironment } from '../src/core/cpu/float/ieee/environment.ts';
import { makeF80, setF80 } from '../src/core/cpu/float/x87/f80.ts';
import { decodeInstruction } from '../src/core/isa/decode.ts';
import { RECORD_WORDS } from '../src/core/isa/record.ts';
import { buildGuest } from '../src/host/node/guest-images.ts';

const image = buildGuest('sha256');
const record = new Int32Array(RECORD_WORDS);
bench('decode the sha256 guest', () => {
  let at = 0;
  while (at < image.length) {
    const length = decodeInstruction(image, at, image.length - at, true, record, 0);
    at += length > 0 ? length : 1;
  }
  return at;
});

const page = new Int32Array(1024).map((_, i) => Math.imul(i, 0x9e3779b1));
const digest = new Int32Array(2);
bench('digest of a 4 KiB page', () => {
  hashWords(page, 0, page.length, digest, 0);
  return digest[0];
});

const environment = makeFloatEnvironment();
const [a, b, out] = [makeF80(), makeF80(), makeF80()];
setF80(a, 0x4000, 0xc90fdaa2 | 0, 0x2168c235);
setF80(b, 0x3fff, 0xb504f333 | 0, 0xf9de6484 | 0);
bench('add two 80-bit numbers', () => {
  addF80(environment, a, b, out);
  return out.lo;
});
bench('multiply two 80-bit numbers', () => {
  multiplyF80(environment, a, b, out);
  return out.lo;
});

await run();
