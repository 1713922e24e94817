/**
 * Names of the keys of a 104-key PC keyboard, as scripts, logs and the keyboard device spell them: what is printed on
 * the key cap in lower case, words joined by hyphens; the numeric pad begins with `kp-`.
 */
export const KEY_NAMES = [
  ...['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm'],
  ...['n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z'],
  ...['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  ...['minus', 'equals', 'left-bracket', 'right-bracket', 'backslash', 'semicolon', 'quote', 'backquote'],
  ...['comma', 'period', 'slash', 'space', 'enter', 'tab', 'backspace', 'escape', 'caps-lock'],
  ...['left-shift', 'right-shift', 'left-ctrl', 'right-ctrl', 'left-alt', 'right-alt', 'left-gui', 'right-gui', 'menu'],
  ...['f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7', 'f8', 'f9', 'f10', 'f11', 'f12'],
  ...['print-screen', 'scroll-lock', 'pause', 'insert', 'delete', 'home', 'end', 'page-up', 'page-down'],
  ...['up', 'down', 'left', 'right', 'num-lock'],
  ...['kp-0', 'kp-1', 'kp-2', 'kp-3', 'kp-4', 'kp-5', 'kp-6', 'kp-7', 'kp-8', 'kp-9'],
  ...['kp-divide', 'kp-multiply', 'kp-minus', 'kp-plus', 'kp-enter', 'kp-period'],
] as const;

export type KeyName = (typeof KEY_NAMES)[number];

const NAMES: ReadonlySet<string> = new Set(KEY_NAMES);

export function isKeyName(name: string): name is KeyName {
  return NAMES.has(name);
}
