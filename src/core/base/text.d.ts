/**
 * UTF-8 coding as every host has it (WHATWG Encoding Standard, section 7). Declared here, in two methods, because
 * the ES2022 library has neither class; seen by the core and the tiers only (the host has @types/node).
 */
declare class TextEncoder {
  encode(text?: string): Uint8Array;
}

declare class TextDecoder {
  constructor(label?: 'utf-8' | 'latin1', options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array | ArrayBuffer): string;
}
