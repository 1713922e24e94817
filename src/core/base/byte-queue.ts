/**
 * Bytes that wait their turn, first in first out, as many as there are: taking one costs the same however many wait.
 * For what the host sends to a device faster than the guest takes it. Imports nothing.
 */

/** Taken bytes are given back when there are so many, and more of them than of those that wait. */
const SLACK_BYTES = 4096;

export class ByteQueue {
  #bytes: number[] = [];
  /** The next one to take. */
  #head = 0;

  get length(): number {
    return this.#bytes.length - this.#head;
  }

  push(bytes: Iterable<number>): void {
    for (const byte of bytes) this.#bytes.push(byte);
  }

  /** Undefined when none waits. */
  shift(): number | undefined {
    if (this.length === 0) return undefined;
    const byte = this.#bytes[this.#head++];
    if (this.#head >= SLACK_BYTES && this.#head > this.length) {
      this.#bytes = this.#bytes.slice(this.#head);
      this.#head = 0;
    }
    return byte;
  }

  clear(): void {
    this.#bytes = [];
    this.#head = 0;
  }

  toBytes(): Uint8Array {
    return Uint8Array.from(this.#bytes.slice(this.#head));
  }
}
