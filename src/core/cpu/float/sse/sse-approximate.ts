/**
 * RCPSS and RSQRTSS (and by element RCPPS, RSQRTPS): approximations with a relative error of at most 1.5 · 2^−12 (Intel
 * SDM volume 2). The manual leaves the bits open, and Intel's and AMD's differ; these are an AMD family 19h
 * processor's, where the result has 12 bits of fraction and depends on the upper 12 bits of the operand's alone. It is
 * kept as the difference, −1 to 2, from the value at the middle of each of the 4096 intervals; measured over all 2^23
 * fractions. Neither raises exceptions nor heeds MXCSR: denormals are zeros, and results too small become zero.
 */

/** Differences plus one, three to a character, lowest bits first, in the alphabet of base 64. */
const RECIPROCAL_DELTAS = `
  QVVpqCVVlqapqq/rQVVpqaqq6/bpqqvqlqVpqWqqmqqqqqqqqqqpqWqWlaluqaqa6vqqqp/qqqm+qaqVqqWZVQVllmaVWaqqVZZppmqq66bWaaqqpq
  qquqqq66qqqqqqqqqqqllllllqaaaauqqqp5qqqmmqqaaWqpZZV56qmmVVmqquVpqq6WlqqqaVmZqqZq6u7WlZmpamqqqqZqqqqmpqqqamqamZqu7u
  qmpqqZmqrqqaqurqqq6uqqmqrqqZllppqmqqr7bZZaqqlppqqmmqqqbaqqqqpppppWWWWWmqqqqqllllllmmmmmaaaaaqqppppmmmWWaaZZV6qqqpV
  lVWqZlmaqqpqqqumqqq6aqqqqrpqqpqWqpWqpqruqrpaqpaq6qqqapWalWlapValqlWpVqWaVWlalVVp6qmqlalqaqqqq+qmWlqWpalqaqqpqqqqmq
  qqqaqqaqqVqqVqWVqWluqqqqqVpqVprqqWqaVVaVqVpqVpWqqWlapqaVVVqqqWVVpqqqqqq6qqqqqWVVVpqqqqqqqqqqqWVVlqqqqqqqqqqqqqqqqq
  qqqqqqqqaVVpqqqqqqqqqqqqWVVVVpqqqqlqqqVVqqVVVpqqaVlqqqaVqqqqVpqqqVlqqqVVqqWVVpaVlqqqqqWVqqWpquqqqWlqaVqqqqqVVpVVll
  qqqqqqq+qWZVlWVlVVaVqrquqqqqqqqlqaqqVqWpWpuq6qqmqWqaVaVZVppqlql6qqqqVqVpVppalalqqWqWlVpVaValWpVpValWlVZVapr6quqqqq
  qqlapWqValWZlqqqmqlapVapqqqpapValVmqpWaprqqpapVWVVmapVWZppmaqlqqqqaqqqmappmaqlmaqpWWaplWZZlVmqqqqqWaqplWZZlVmmqaqp
  VWaZlppqmaallVWVWaaplppqmaaZppppmmmqqaaqqqqpqqqqqqqqqqqqqqqqqqqqmmmqqaaaaaaZZZZZVVlllpqqqqqppZZZqqqqqaaaaaaZVVVVVV
  WWmllpppaaqqquVVWWmllppZaaqmmqqpqqqqqqqqbVlVVZVVWWllVZVVWVlVVZqqqqqqqqqpqaqmmppZaWmllZZWmqqqqqpZaqmmlZZWmaqmqpZZWm
  lpqqqaaWmlZVqpaqmlVZVWVamlZZqpaqm5qqqqaWmVZVpZWmVpmpZWWVZWlZVlZVmVZmVZWlZWlZVlZVmVVmVVmqqrqqqqqpqmpqmZamZWmZVmZVVp
  qqmqampamZVmZVVpqqmZamZWlZqqmZqmZWVZmqqZmpZmVVVlqamZmqqpqqZmVVVlqamZmqqZmZq7qqqmZWVVVmZVVVqqmZmpqamZmqqZmZqqmZmB`;

const ROOT_OF_1_TO_2_DELTAS = `
  VVlqqWVVqqaVVpqqqalqqWVVqqaVVpWVVVlqqqqWqqaVVpaVVVlqqVVVqqaVVpqqVVlqqVVVqWVVVZVVqalqqalqqqaVqVlqapqqqWlVVpWVqWlqWp
  qWqqmqqpqaqqqqqqqaqqmqqpqWqalqWpaVqVlWVVlaqqlqVpWVWpqqapalapapaqqqqWZVaValWpWpWqlqlapWqWqlqpapWqlalWpWqValWpVZqqqq
  mqpaqWalWpVVqqqqlapVaVlqqpapVWqpmapqqqaVlVWZVVaplWZplWallWapVWaplWZplWallWapVVWZlpqqqqqmmaqpVWaZlpqqqqqlmWapqqrqqW
  lVVWWaappppqmqqmlVVWWWaZZppplmmmqaaaqqqppqqqmmqqqaaqqqqppppqmmmmmWWWWWaZZZuuqqqqqaaaaZZZaaqqqqqWWWmmmqqqrqlllpppaa
  qqaZVVWWmmlpppaaqqqqqqrqllVZZZWWmllpZZaWmmlpZZaWmmlpZZaWqq6qqqmqqqaamqqpZZqmmlVZWWmqquqqpZqmmlVZWWlaqqqpZZmmlpqqrq
  aWmpZZqqqqmmlZWWlamqpZqq6qmmpamqZqqpqqq6qqrWZWlZVmZZmlZmmZamZampZmqZmmZqmZamZamZZmpZmlZmVZWVZWVZlquqqmqqmpamZamZlq
  qq6umZqqqWlZmZmqqqqumZmZqqqqqurZmZqqqqqq7amZmZqqqqqqVZmZmZmZqqqqqqqqVZmZmZmZmZmZqqqqZmZmZmZmZmZmqqqqqqqqqqqqqqqqqq
  qqqqqqqqqqqqqqqqqqqqqqqqqqamZmZmZmZmZmZ6u7qqqqqqqqqqqqZmZmqqamZZmZqq6urmZmqqamVZmZqqqqqmZmmZmqquqqZmpampqqrqamZamZ
  qqpqqmZVmZmmZqqZqq6qqmZWmZmVZmZZmpampqmqqmqquqquWlZWlZWmZmmZqmZqmpqmpqmqqmqqqqaqqqqqqqqqqqqquqqqqqqqqqqqqmqqqqaqZZ
  mmZWlZZmVVWlZVqqqrqqpqqqamqpqmZZmmZWlVZWlqqqqqZqmqZmlZZmlqq6qqZqmqZWlZZWlqqqqmZammZpaqqqbmlZZqqqqq6mZZWmmqqqquZWml
  ppaqmqaWlVZZammppqqqqqbmlZZaammppqqqqqbmlVZZammpppaqmqaVWlVZZZWmlppZammmqpaaqqqqpq6qqqqrr6qqZZWWlllZZWWmmlZZZaWmll
  pZaWmmmpZZaaWmllpZZWWmmlZZppaaqmmqppZaammmlpZZZWWmllluuqqrqqqqqmqqppaaammmllZZZprrqqqqqmqqppZaaWWmlllqqqqqppaaaC`;

const ROOT_OF_2_TO_4_DELTAS = `
  lllmmaaaqqqpqqqqVVVllVVVVWmqqquuqqqqqqqqqqqppppplllllpqqqqqppppplllllpqqaaaZZZZZmmmmmmlpppZaqqqmqqrqqmVZZVVWmllVZZ
  WWWllZZZVWmllVZVWWVpquqqpqqqmmpZaaWmlZZVlqqqmmpZaWW5quqpZamqpqZVlVZmlZamqaqqqqZVlVZmlZWmZampZmqZqmpqmqaqqqqqpqqqqm
  qqqqaqqaqqZqqZqmZqmZWmZWmZVlZVVZmpmqqqaamZmqZVVZmpmZqqaWVZmZqZmqqmVVlZmamZmquqqqqmVZmZmamZmZuqqqqmVVVVVWVVmZqZmZmp
  qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqamZmZmZmZmZmZmVVVVlqqqqqZmZmZmZmVVlqqqqmZmZmZqqqqqqlZmZqmqqq6aZmZmmpqqqqVmZWlZqm
  ZmqqqqqqVmZVlZamZmmpqqZqqqqqqWZWVVWlZWVZWmZWlZamZWmpZmZZqqqqqqqqqqqqpqqqqmqaqqZqmpampZmmZWmZZmVZWlpqqqqqqmqaqmZaml
  ZWlZVWqqqaqqZamlZWlVVWqmqZqmZZWmlqqqqqZWmlZpqqqqamlZZWqmqpamVZVWlmpZamqqqqqmZZVWlmpZamqqqpamVZVWVmlZZWammpZpaqmmZZ
  WWmlpZZammmppaaqmmqppaqqmqqpqaqqmqqpqaqqmqqpqaqqmmqppaaqmmmppZaaWmmllZZZVWWllVluqqqpaaaqqmlpppZVWWWmqqqquqppppaWWW
  mmVVVVZpppppaWWWWWqqqqqmlpppZVVVVWaaaaaWVllllmmmmmVVVZZppppppqqqqqZZZZaqqqqqaWWWWWaaaaaqqqqqaWWWWWaaaaaqqqqqaWWWWV
  ZZZZZppppppqqqqmqqqqqmlllllVVVVWWWWWaZZZZppplllmmmmWaaaaaqqppppqqmmmqqaaaqqqpppqqmmmqqaaaqqppppmmmmmaaaaZppplllmVV
  VWWpqqqqqaaqqqpppmmmWWaaZZZlllVVVWVpqmqqaaaqpplllWWWVVZVlqaqqppplmWWWVZZlqaqqppplmWWWVZVlaaqqppllWWqqqqqaaappllVVW
  VpmmaaaZZlVVqppmmWWWZVlaaqppllVWVpmmaaZZVlVVpplmWqqqqaaWZplWaqpmqWVVZlVWaplmaqpqqWVWZlVWaplmaqpqqWVVZlVWZplWappmaq
  pqqqaVZlVWZplWaplmaqpmaqqqVVVVVlVWZlVWZplWaplWaqpmaqpmaqpqqqqqqWVVVVVWZlVWZlVWZlVWZlVWZplWaplWaplWaplWaplWaplWaB`;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

const INTERVAL_COUNT = 4096;

/** Twelve bits of fraction for each interval of [1, 2); `ideal` gives 8192 times the value in its middle, cut. */
function makeTable(deltas: string, ideal: (doubledMiddle: number, above: number) => number): Uint16Array {
  const table = new Uint16Array(INTERVAL_COUNT);
  let packed = 0;
  let above = 8192;
  let at = 0;
  for (let i = 0; i < INTERVAL_COUNT; i++) {
    if (i % 3 === 0) {
      while (deltas.charCodeAt(at) <= 32) at++;
      packed = ALPHABET.indexOf(deltas.charAt(at++));
    }
    above = ideal(8193 + 2 * i, above);
    table[i] = above - INTERVAL_COUNT + (packed & 3) - 1;
    packed >>= 2;
  }
  return table;
}

/**
 * floor(8192 / √(m·scale)) for m = doubledMiddle / 8192; it falls with m, so the search goes on from the last value.
 */
function rootFrom(doubledMiddle: number, above: number, scale: number): number {
  while (above * above * doubledMiddle * scale > 549755813888) above--;
  return above;
}

const reciprocals = makeTable(RECIPROCAL_DELTAS, (doubledMiddle) => Math.floor(67108864 / doubledMiddle));
const rootsOfOdd = makeTable(ROOT_OF_1_TO_2_DELTAS, (doubledMiddle, above) => rootFrom(doubledMiddle, above, 1));
const rootsOfEven = makeTable(ROOT_OF_2_TO_4_DELTAS, (doubledMiddle, above) => rootFrom(doubledMiddle, above, 2));

/** RCPSS of a single's bits. */
export function reciprocalF32(bits: number): number {
  const sign = bits & 0x80000000;
  const exponent = (bits >>> 23) & 0xff;
  if (exponent === 0) return sign | 0x7f800000;
  if (exponent === 0xff) return (bits & 0x007fffff) === 0 ? sign : bits | 0x00400000;
  const shift = 127 - exponent;
  // 1/m lies in [½, 1): exponent 126 for an operand in [1, 2).
  if (126 + shift <= 0) return sign;
  return sign | (((126 + shift) << 23) + (reciprocals[(bits >>> 11) & 0xfff]! << 11));
}

/** RSQRTSS of a single's bits. */
export function reciprocalRootF32(bits: number): number {
  const sign = bits & 0x80000000;
  const exponent = (bits >>> 23) & 0xff;
  if (exponent === 0) return sign | 0x7f800000;
  if (exponent === 0xff && (bits & 0x007fffff) !== 0) return bits | 0x00400000;
  if (sign !== 0) return 0xffc00000 | 0;
  if (exponent === 0xff) return 0;
  const odd = (exponent & 1) !== 0;
  const halved = (exponent - (odd ? 127 : 128)) / 2;
  const table = odd ? rootsOfOdd : rootsOfEven;
  return ((126 - halved) << 23) + (table[(bits >>> 11) & 0xfff]! << 11);
}
