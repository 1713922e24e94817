// Names of the guest's registers and conditions, each at the number that instructions encode it with: SDM 2 §3.1.1.1
// (registers), appendix B.1.4.3 (segments) and B.1.4.7 (conditions, tttn). Every reader, printer, generator and report
// takes them from here; proptests/tidy fails where another file lists them again.

export const REGISTERS_8 = ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'] as const;
export const REGISTERS_16 = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'] as const;
export const REGISTERS_32 = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;

export const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
/** As the state keeps them: LDTR and TR are segments that no instruction encodes. */
export const STATE_SEGMENTS = [...SEGMENTS, 'ldtr', 'tr'] as const;

/** Every spelling of each condition; the manual's first one before its synonyms. */
export const CONDITION_SPELLINGS = [
  ['o'],
  ['no'],
  ['b', 'c', 'nae'],
  ['nb', 'nc', 'ae'],
  ['z', 'e'],
  ['nz', 'ne'],
  ['be', 'na'],
  ['nbe', 'a'],
  ['s'],
  ['ns'],
  ['p', 'pe'],
  ['np', 'po'],
  ['l', 'nge'],
  ['nl', 'ge'],
  ['le', 'ng'],
  ['nle', 'g'],
] as const;

/** The spelling in which conditions are printed. */
export const CONDITIONS: readonly string[] = CONDITION_SPELLINGS.map(([first]) => first);
