// The audit path of one leaf of the log (RFC 9162, 2.1.3.2): on which side each neighbour stands,
// and the root that leaf and neighbours give, computed again in this browser.

export interface Step {
  /** Digest of the neighbour, in hexadecimal. */
  hash: string;
  /** Where the neighbour stands. */
  side: 'left' | 'right';
}

/** The neighbours from leaf to root; null if the path cannot belong to this leaf and size. */
export function steps(seq: number, size: number, path: readonly string[]): Step[] | null {
  if (seq < 0 || seq >= size) return null;
  let node = seq;
  let last = size - 1;
  const found: Step[] = [];
  for (const hash of path) {
    if (last === 0) return null;
    if (node % 2 === 1 || node === last) {
      found.push({ hash, side: 'left' });
      while (node % 2 === 0 && node > 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else {
      found.push({ hash, side: 'right' });
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? found : null;
}

/** The digest at each height above the leaf; the last is the root. */
export async function climb(leaf: string, path: readonly Step[]): Promise<string[]> {
  let here = bytes(leaf);
  const found: string[] = [];
  for (const { hash, side } of path) {
    const other = bytes(hash);
    const [left, right] = side === 'left' ? [other, here] : [here, other];
    const node = new Uint8Array(1 + left.length + right.length);
    node[0] = 1;
    node.set(left, 1);
    node.set(right, 1 + left.length);
    here = new Uint8Array(await crypto.subtle.digest('SHA-256', node));
    found.push(hex(here));
  }
  return found;
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const found = new Uint8Array(Math.floor(text.length / 2));
  for (let at = 0; at < found.length; at += 1) {
    found[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  }
  return found;
}

const hex = (value: Uint8Array): string =>
  Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('');
