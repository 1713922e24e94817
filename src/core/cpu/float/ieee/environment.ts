/**
 * What surrounds one floating point operation: rounding, precision and masks in, exceptions out. Intel SDM volume 1,
 * sections 4.9 (exceptions and their priority), 8.1.3 to 8.1.5 (x87 status and control word) and 10.2.3 (MXCSR).
 * The x87 and SSE share the numbering of the exception bits and of the rounding modes. Imports nothing.
 */

/** Invalid operation. */
export const IE = 1;
/** Denormal operand. */
export const DE = 2;
/** Divide by zero. */
export const ZE = 4;
/** Numeric overflow. */
export const OE = 8;
/** Numeric underflow. */
export const UE = 16;
/** Inexact result (precision). */
export const PE = 32;
/** The exceptions found before computing: unmasked, they leave every destination as it was. */
export const BEFORE_COMPUTING = IE | DE | ZE;

export const ROUND_NEAREST = 0;
export const ROUND_DOWN = 1;
export const ROUND_UP = 2;
export const ROUND_ZERO = 3;

export const PRECISION_24 = 0;
export const PRECISION_53 = 2;
export const PRECISION_64 = 3;

/**
 * `rounding` is the RC field, `precision` the x87 PC field (value 1 is reserved and means 64 bits on silicon), `masks`
 * the six mask bits in exception order. Operations OR into `flags`; the caller clears it before an instruction.
 * `roundedUp` is C1 after an x87 operation: 1 when the magnitude was rounded up. `flushToZero` and
 * `denormalsAreZero` are MXCSR's and must be false for the x87.
 */
export type FloatEnvironment = {
  rounding: number;
  precision: number;
  masks: number;
  flags: number;
  roundedUp: number;
  flushToZero: boolean;
  denormalsAreZero: boolean;
};

/** The state after FNINIT, which is also MXCSR's after reset. */
export function makeFloatEnvironment(): FloatEnvironment {
  return {
    rounding: ROUND_NEAREST,
    precision: PRECISION_64,
    masks: 63,
    flags: 0,
    roundedUp: 0,
    flushToZero: false,
    denormalsAreZero: false,
  };
}

/** Takes RC, PC and masks from an x87 control word and clears the outputs. */
export function useControlWord(environment: FloatEnvironment, controlWord: number): void {
  environment.rounding = (controlWord >> 10) & 3;
  environment.precision = (controlWord >> 8) & 3;
  environment.masks = controlWord & 63;
  environment.flags = 0;
  environment.roundedUp = 0;
  environment.flushToZero = false;
  environment.denormalsAreZero = false;
}

/** Takes RC, masks, FTZ and DAZ from MXCSR and clears the outputs. */
export function useMxcsr(environment: FloatEnvironment, mxcsr: number): void {
  environment.rounding = (mxcsr >> 13) & 3;
  environment.masks = (mxcsr >> 7) & 63;
  environment.flags = 0;
  environment.roundedUp = 0;
  environment.flushToZero = (mxcsr & 0x8000) !== 0;
  environment.denormalsAreZero = (mxcsr & 0x40) !== 0;
}

/** True when an x87 register destination must keep its old value (SDM 8.5: IE, DE or ZE unmasked). */
export function keepsRegister(environment: FloatEnvironment): boolean {
  return (environment.flags & ~environment.masks & BEFORE_COMPUTING) !== 0;
}

/** True when an x87 memory destination must not be stored (as above, and unmasked overflow or underflow, SDM 8.5.4). */
export function keepsMemory(environment: FloatEnvironment): boolean {
  return (environment.flags & ~environment.masks & (BEFORE_COMPUTING | OE | UE)) !== 0;
}

/** True when an SSE instruction must leave its destination alone and raise #XM. */
export function raisesSimd(environment: FloatEnvironment): boolean {
  return (environment.flags & ~environment.masks) !== 0;
}

/**
 * Settles the flags of a packed SSE instruction once all elements have been computed: when any element found an
 * unmasked IE, DE or ZE, no element's OE, UE or PE is reported (SDM volume 1, section 11.5.4; silicon agrees).
 */
export function settlePacked(environment: FloatEnvironment): void {
  if ((environment.flags & ~environment.masks & BEFORE_COMPUTING) !== 0) environment.flags &= BEFORE_COMPUTING;
}
