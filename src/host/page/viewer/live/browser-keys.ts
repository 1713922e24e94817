// Keys of a browser (KeyboardEvent.code, which names places on the keyboard, not letters) as keys of the guest's
// keyboard. Imports names alone; what the guest has no key for is null.

import { isKeyName, type KeyName } from '../../../../core/base/key-names.ts';

const OTHERS: Readonly<Record<string, KeyName>> = {
  BracketLeft: 'left-bracket',
  BracketRight: 'right-bracket',
  Equal: 'equals',
  ShiftLeft: 'left-shift',
  ShiftRight: 'right-shift',
  ControlLeft: 'left-ctrl',
  ControlRight: 'right-ctrl',
  AltLeft: 'left-alt',
  AltRight: 'right-alt',
  MetaLeft: 'left-gui',
  MetaRight: 'right-gui',
  ContextMenu: 'menu',
  ArrowUp: 'up',
  ArrowDown: 'down',
  ArrowLeft: 'left',
  ArrowRight: 'right',
  NumpadAdd: 'kp-plus',
  NumpadSubtract: 'kp-minus',
  NumpadDecimal: 'kp-period',
};

export function keyOf(code: string): KeyName | null {
  const known = OTHERS[code];
  if (known !== undefined) return known;
  // PageUp → page-up, KeyA → a, Digit1 → 1, Numpad7 → kp-7
  const name = code
    .replace(/^(Key|Digit)/, '')
    .replace(/^Numpad/, 'Kp')
    .replace(/([a-z])([A-Z0-9])/g, '$1-$2')
    .toLowerCase();
  return isKeyName(name) ? name : null;
}
