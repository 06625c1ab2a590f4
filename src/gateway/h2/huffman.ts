/**
 * The code of RFC 7541, appendix B. It is canonical: shorter codes come first, and of one length
 * those of smaller symbols, so the lengths say it all. The last is of the end, which is never sent.
 */
const LENGTHS = [
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  ...[28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  ...[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  ...[7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  ...[6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  ...[24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  ...[22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  ...[21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  ...[26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  ...[19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  ...[20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  30,
];
const END = 256;
/** The shortest code: so much longer, at most, is what is decoded. */
const LEAST_BITS = 5;

/** In a step: there is a symbol; the bits so far may be the end; there is no such code. */
const SYMBOL = 0x10000;
const PADDING = 0x20000;
const BAD = 0x40000;

/**
 * For each node of the tree of codes and each four bits, the node they lead to in the low byte,
 * and above it a symbol where one was passed: none has less than five bits, so it is one at most.
 */
const STEPS = makeSteps();

/** As many bytes as so many can stand for, at most. */
export function decodedBytesMax(length: number): number {
  return Math.floor((length * 8) / LEAST_BITS);
}

/**
 * Decodes into `out` from its beginning; answers with how many bytes that came to, or -1.
 *
 * HOT: runs for most texts of a head. No allocation, exception or await.
 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number, out: Uint8Array) {
  let node = 0;
  let length = 0;
  let step = PADDING;
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] as number;
    step = STEPS[(node << 4) | (byte >> 4)] as number;
    if ((step & SYMBOL) !== 0) {
      out[length] = step >> 8;
      length += 1;
    }
    node = step & 0xff;
    if ((step & BAD) !== 0) return -1;
    step = STEPS[(node << 4) | (byte & 15)] as number;
    if ((step & SYMBOL) !== 0) {
      out[length] = step >> 8;
      length += 1;
    }
    node = step & 0xff;
    if ((step & BAD) !== 0) return -1;
  }
  return (step & PADDING) === 0 ? -1 : length;
}

interface Node {
  readonly number: number;
  readonly next: (Node | number)[];
  /** On the way from the root there are ones alone, and less than a byte of them. */
  readonly isPadding: boolean;
}

function makeSteps(): Int32Array {
  const nodes = makeTree();
  const steps = new Int32Array(nodes.length * 16);
  for (const node of nodes) {
    for (let bits = 0; bits < 16; bits += 1) steps[(node.number << 4) | bits] = stepOf(node, bits);
  }
  return steps;

  function stepOf(from: Node, bits: number): number {
    let node = from;
    let symbol = 0;
    for (const shift of [3, 2, 1, 0]) {
      const next = node.next[(bits >> shift) & 1];
      if (next === END || next === undefined) return BAD;
      if (typeof next === "number") {
        symbol = SYMBOL | (next << 8);
        node = nodes[0] as Node;
      } else node = next;
    }
    return symbol | node.number | (node.isPadding ? PADDING : 0);
  }
}

function makeTree(): readonly Node[] {
  const root: Node = { number: 0, next: [], isPadding: true };
  const nodes = [root];
  let code = 0;
  for (let bits = 1; bits <= 30; bits += 1) {
    code *= 2;
    for (const [symbol, length] of LENGTHS.entries()) {
      if (length !== bits) continue;
      put(symbol, code, bits);
      code += 1;
    }
  }
  return nodes;

  function put(symbol: number, code: number, bits: number): void {
    let node = root;
    for (let left = bits - 1; left > 0; left -= 1) {
      const bit = (code >> left) & 1;
      const isPadding = node.isPadding && bit === 1 && bits - left < 8;
      node.next[bit] ??= { number: nodes.push(undefined as never) - 1, next: [], isPadding };
      node = node.next[bit] as Node;
      nodes[node.number] = node;
    }
    node.next[code & 1] = symbol;
  }
}
