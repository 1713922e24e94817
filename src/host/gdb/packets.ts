// The frame of gdb's remote protocol (gdb manual, appendix E.1): $data#checksum with + and − as answers, } as escape,
// run lengths with *, and the lone byte 3 for Ctrl-C. Knows nothing of what packets mean. Whatever bytes come, they are
// packets, answers, breaks or noise; nothing throws and nothing grows without bound.

export type Incoming =
  | { readonly kind: 'packet'; readonly data: string }
  /** A packet whose checksum is wrong: to be asked for again. */
  | { readonly kind: 'damaged' }
  | { readonly kind: 'ack' }
  | { readonly kind: 'nak' }
  | { readonly kind: 'break' };

/** Longest packet that is taken; gdb is told the same. */
export const PACKET_BYTES_MAX = 0x4000;

/** Packet data is text of code units 0 to 255. */
export class PacketReader {
  private data = '';
  /** Outside of a packet, inside, or so many digits into the checksum. */
  private state: 'out' | 'in' | 'sum1' | 'sum2' = 'out';
  private sum = 0;
  private wanted = 0;
  private isTooLong = false;

  *read(bytes: Uint8Array): Generator<Incoming> {
    for (const byte of bytes) {
      const incoming = this.take(byte);
      if (incoming !== null) yield incoming;
    }
  }

  private take(byte: number): Incoming | null {
    switch (this.state) {
      case 'out':
        if (byte === 0x24) this.begin();
        else if (byte === 0x2b) return { kind: 'ack' };
        else if (byte === 0x2d) return { kind: 'nak' };
        else if (byte === 3) return { kind: 'break' };
        return null;
      case 'in':
        if (byte === 0x23) this.state = 'sum1';
        else if (byte === 0x24) this.begin();
        else {
          this.sum = (this.sum + byte) & 0xff;
          if (this.data.length >= PACKET_BYTES_MAX) this.isTooLong = true;
          else this.data += String.fromCharCode(byte);
        }
        return null;
      case 'sum1':
        this.wanted = digit(byte) * 16;
        this.state = 'sum2';
        return null;
      case 'sum2': {
        this.state = 'out';
        if (this.isTooLong || !(this.wanted + digit(byte) === this.sum)) return { kind: 'damaged' };
        return { kind: 'packet', data: unescapePacket(this.data) };
      }
    }
  }

  private begin(): void {
    this.state = 'in';
    this.data = '';
    this.sum = 0;
    this.isTooLong = false;
  }
}

/** NaN for what is no digit, so that no sum equals it. */
function digit(byte: number): number {
  return Number.parseInt(String.fromCharCode(byte), 16);
}

function unescapePacket(data: string): string {
  return data.replace(/\}(.)/gs, (_all, escaped: string) => String.fromCharCode(escaped.charCodeAt(0) ^ 0x20));
}

/** A packet ready to be sent. */
export function encodePacket(data: string): Uint8Array {
  const escaped = data.replace(/[#$}*]/g, (c) => `}${String.fromCharCode(c.charCodeAt(0) ^ 0x20)}`);
  let sum = 0;
  for (let i = 0; i < escaped.length; i++) sum = (sum + escaped.charCodeAt(i)) & 0xff;
  return Buffer.from(`$${escaped}#${sum.toString(16).padStart(2, '0')}`, 'latin1');
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
