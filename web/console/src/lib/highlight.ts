// Text with ranges to mark, as a row of pieces that a template can walk through.
import type { Range } from './types';

export interface Piece {
  text: string;
  hit: boolean;
}

/** Parts the text; ranges that overlap, are unordered or lie outside are put right. */
export function pieces(text: string, ranges: readonly Range[]): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const [start, end] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const from = Math.max(at, Math.min(start, text.length));
    const to = Math.min(end, text.length);
    if (to <= from) continue;
    if (from > at) found.push({ text: text.slice(at, from), hit: false });
    found.push({ text: text.slice(from, to), hit: true });
    at = to;
  }
  if (at < text.length) found.push({ text: text.slice(at), hit: false });
  return found;
}

/** Three pieces around a place that the server counts in characters, not in UTF-16 units. */
export function around(text: string, at: number, length: number): [string, string, string] {
  const characters = Array.from(text);
  const end = at + Math.max(length, 1);
  return [
    characters.slice(0, at).join(''),
    characters.slice(at, end).join('') || ' ',
    characters.slice(end).join(''),
  ];
}
