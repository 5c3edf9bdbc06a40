// Letters: who is written to, what is quoted, and what is kept of one that is not sent yet (pure, but for the keeping).
import { person } from './format';
import type { Mail, MailPlace, Person } from './types';

export const KINDS = ['new', 'reply', 'all', 'forward'] as const;
export type Kind = (typeof KINDS)[number];

/** A letter as it is written. */
export interface Letter {
  from: string;
  to: string;
  cc: string;
  bcc: string;
  subject: string;
  text: string;
}

/** Characters of a text that are quoted. */
const QUOTED = 60_000;

/** The people of a line, and what in it is no address. */
export function people(line: string): { list: Person[]; wrong: string[] } {
  const list: Person[] = [];
  const wrong: string[] = [];
  for (const part of parts(line)) {
    const named = /^(.*)<([^<>]*)>$/s.exec(part);
    const email = (named?.[2] ?? part).trim();
    const name = (named?.[1] ?? '').trim().replace(/^"(.*)"$/s, '$1').replace(/\\(.)/gs, '$1');
    if (/^[^\s@<>,;]+@[^\s@<>,;]+$/.test(email)) list.push({ name, email });
    else wrong.push(part);
  }
  return { list, wrong };
}

/** Cut at commas, semicolons and line ends that stand neither in quotes nor in brackets. */
function parts(line: string): string[] {
  const found: string[] = [];
  let part = '';
  let quoted = false;
  let escaped = false;
  for (const char of line) {
    if (char === '"' && !escaped) quoted = !quoted;
    escaped = quoted && char === '\\' && !escaped;
    if (!quoted && /[,;\n]/.test(char)) {
      found.push(part);
      part = '';
    } else part += char;
  }
  return [...found, part].map((one) => one.trim()).filter(Boolean);
}

/** People as a line. */
export const line = (list: readonly Person[]): string =>
  list.map(({ name, email }) => {
    if (!name) return email;
    const plain = /^[^",;<>\\]+$/.test(name);
    return `${plain ? name : `"${name.replace(/["\\]/g, '\\$&')}"`} <${email}>`;
  }).join(', ');

const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
const without = (list: readonly Person[], gone: readonly string[]): Person[] =>
  list.filter(({ email }) => email && !gone.some((known) => same(known, email)));

/** Who is answered, and who gets a copy if all are. */
export function answered(mail: Mail, own: readonly string[], all: boolean): { to: Person[]; cc: Person[] } {
  const mine = mail.from.length > 0 && mail.from.every(({ email }) => own.some((known) => same(known, email)));
  // An answer to a letter of one's own goes on to those whom that was for.
  let to = mail.from;
  if (mine) to = mail.to;
  else if (mail.reply_to.length > 0) to = mail.reply_to;
  to = without(to, []);
  if (!all) return { to, cc: [] };
  const known = [...own, ...to.map(({ email }) => email)];
  return { to, cc: without(mine ? mail.cc : [...mail.to, ...mail.cc], known) };
}

/** Of the reader's addresses the one that a mail came to. */
export const came = (mail: Mail, own: readonly string[]): string =>
  own.find((known) => [...mail.to, ...mail.cc].some(({ email }) => same(known, email))) ?? own[0] ?? '';

const marked = (subject: string, mark: string, known: RegExp): string =>
  known.test(subject) ? subject : `${mark} ${subject}`.trim();

/** A text with a `>` before each line. */
export function quoted(text: string): string {
  const lines = text.trimEnd().slice(0, QUOTED).split('\n');
  return lines.map((one) => (one ? `> ${one}` : '>')).join('\n');
}

/** How a letter begins. `wrote`: the line above what is quoted. */
export function begun(kind: Kind, mail: Mail | null, own: readonly string[], wrote: (who: string, date: string | null) => string): Letter {
  const letter: Letter = { from: own[0] ?? '', to: '', cc: '', bcc: '', subject: '', text: '' };
  if (!mail || kind === 'new') return letter;
  letter.from = came(mail, own);
  if (kind === 'forward') return { ...letter, subject: marked(mail.subject, 'Fwd:', /^(fwd?|wg)\s*:/i) };
  const { to, cc } = answered(mail, own, kind === 'all');
  const text = mail.text.trim() ? `\n\n${wrote(person(mail.from[0]), mail.date)}\n${quoted(mail.text)}\n` : '';
  return { ...letter, to: line(to), cc: line(cc), subject: marked(mail.subject, 'Re:', /^(re|aw)\s*:/i), text };
}

/** A letter that is kept, with the name that it was last handed over by. */
export interface Kept {
  letter: Letter;
  /** What the server knows the attempt by, and the letter as it was then. */
  tried: { key: string; letter: Letter } | null;
}

/** What a letter is kept under: nobody finds another's. */
export const place = (own: string, kind: Kind, about: MailPlace | null): string =>
  `letter:${own}:${kind}${about ? `:${about.folder}:${about.uid}` : ''}`;

/** The name to hand a letter over by: the same as before if nothing of it changed, so that it is sent once. */
export function named({ letter, tried }: Kept): string {
  if (tried && JSON.stringify(tried.letter) === JSON.stringify(letter)) return tried.key;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Storage may be forbidden; then a letter lasts as long as its page. */
export function keep(name: string, kept: Kept | null): void {
  try {
    if (kept) sessionStorage.setItem(name, JSON.stringify(kept));
    else sessionStorage.removeItem(name);
  } catch {
    // See above.
  }
}

export function kept(name: string): Kept | null {
  try {
    const text = sessionStorage.getItem(name);
    return text ? (JSON.parse(text) as Kept) : null;
  } catch {
    return null;
  }
}

/** Whoever signs out leaves nothing behind. */
export function forgetAll(): void {
  try {
    for (const name of Object.keys(sessionStorage)) {
      if (name.startsWith('letter:')) sessionStorage.removeItem(name);
    }
  } catch {
    // See above.
  }
}
