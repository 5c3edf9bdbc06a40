// The search form and the query text are two views of one thing. `read` fills the form from text,
// `write` gives the text back. What the form has no box for is kept as it stands in `words`, so
// that opening the form never changes what is asked.

export interface Form {
  words: string;
  phrase: string;
  without: string;
  from: string;
  to: string;
  subject: string;
  filename: string;
  mailbox: string;
  folder: string;
  since: string;
  until: string;
  attachment: boolean;
}

export const EMPTY: Readonly<Form> = {
  words: '',
  phrase: '',
  without: '',
  from: '',
  to: '',
  subject: '',
  filename: '',
  mailbox: '',
  folder: '',
  since: '',
  until: '',
  attachment: false,
};

/** Boxes that are one field of the language, in the order in which they are written. */
const FIELDS = [
  ['from', 'from'],
  ['to', 'to'],
  ['subject', 'subject'],
  ['filename', 'filename'],
  ['mailbox', 'mailbox'],
  ['in', 'folder'],
] as const;

const DATE = /^\d{4}(-\d{2}(-\d{2})?)?$/;
const OPERATOR = /^(OR|NEAR(\/\d+)?)$/;

/** Parts a query at blanks outside of quotes and parentheses. */
export function split(text: string): string[] {
  const found: string[] = [];
  let item = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charAt(at);
    if (quoted && sign === '\\') {
      item += sign + text.charAt(at + 1);
      at += 1;
      continue;
    }
    if (sign === '"') quoted = !quoted;
    if (!quoted && sign === '(') depth += 1;
    if (!quoted && sign === ')') depth -= 1;
    if (!quoted && depth <= 0 && /\s/.test(sign)) {
      if (item) found.push(item);
      item = '';
    } else {
      item += sign;
    }
  }
  if (item) found.push(item);
  return found;
}

/** Whether an operator binds the items, so that none may be taken out or put beside them. */
const bound = (items: readonly string[]): boolean => items.some((item) => OPERATOR.test(item));

/** The boxes that say the same as the text. */
export function read(text: string): Form {
  const items = split(text);
  const form: Form = { ...EMPTY };
  if (bound(items) || items.includes('NOT')) return { ...form, words: text.trim() };
  const words: string[] = [];
  const without: string[] = [];
  for (const item of items.filter((known) => known !== 'AND')) {
    if (take(form, item)) continue;
    if (/^-["\p{L}\p{N}]/u.test(item) && !/^-[\w-]+[:<>=]/.test(item)) without.push(item.slice(1));
    else words.push(item);
  }
  form.words = words.join(' ');
  form.without = without.join(' ');
  const [only] = words;
  // A group that stands alone was put in parentheses by `write`.
  if (words.length === 1 && only !== undefined && bound(split(inside(only) ?? ''))) {
    form.words = inside(only) ?? only;
  }
  return form;
}

function take(form: Form, item: string): boolean {
  if (item === 'has:attachment') {
    if (form.attachment) return false;
    form.attachment = true;
    return true;
  }
  if (/^".*"$/s.test(item) && closes(item)) {
    // Blanks inside, or it would be written as a bare word.
    const phrase = unquote(item);
    if (form.phrase || !phrase.trim()) return false;
    form.phrase = phrase;
    return true;
  }
  const [name, value] = cut(item);
  if (name === 'sent' || name === 'after') return takeDates(form, name, value);
  const field = FIELDS.find(([known]) => known === name);
  if (!field || !value || form[field[1]]) return false;
  const text = value.startsWith('"') && closes(value) ? unquote(value) : value;
  if (encode(text) !== value) return false;
  form[field[1]] = text;
  return true;
}

function takeDates(form: Form, name: string, value: string): boolean {
  if (form.since || form.until) return false;
  const ends = value.split('..');
  if (ends.length > (name === 'after' ? 1 : 2)) return false;
  const since = ends[0];
  const until = name === 'after' ? '' : (ends[1] ?? since);
  const fits = (date: string | undefined) => date === '' || (date !== undefined && DATE.test(date));
  if (!fits(since) || !fits(until) || !(since || until)) return false;
  form.since = since ?? '';
  form.until = until ?? '';
  return true;
}

/** The text that says the same as the boxes. */
export function write(form: Form): string {
  // What `read` could not place comes last: it takes the first of two equal fields into a box.
  const items: string[] = [];
  const words = form.words.trim();
  if (form.phrase.trim()) items.push(quote(form.phrase.trim()));
  for (const [name, box] of FIELDS) {
    const value = form[box].trim();
    if (value) items.push(`${name}:${encode(value)}`);
  }
  const since = form.since.trim();
  const until = form.until.trim();
  if (since && since === until) items.push(`sent:${since}`);
  else if (since || until) items.push(`sent:${since}..${until}`);
  if (form.attachment) items.push('has:attachment');
  for (const item of split(form.without)) items.push(`-${item}`);
  if (words) items.push(items.length > 0 ? group(words) : words);
  return items.join(' ');
}

/** Adds one more condition to a query, or takes it away if it stands there already. */
export function toggle(text: string, item: string): string {
  const items = split(text);
  if (bound(items)) return `${group(text)} ${item}`;
  const rest = items.filter((known) => known !== item);
  return (rest.length < items.length ? rest : [...items, item]).join(' ');
}

/** Whether the condition stands in the query by itself, so that `toggle` would take it away. */
export function holds(text: string, item: string): boolean {
  const items = split(text);
  return !bound(items) && items.includes(item);
}

/** Sets the dates of a query, keeping the rest. */
export function between(text: string, since: string, until: string): string {
  const dates = since === until ? `sent:${since}` : `sent:${since}..${until}`;
  const items = split(text);
  if (bound(items)) return `${group(text)} ${dates}`;
  return [...items.filter((item) => !/^(sent|date|after|before)[:<>=]/.test(item)), dates].join(' ');
}

/** A value as it must stand after `field:`. */
export function encode(value: string): string {
  const plain = /^[^\s"()]+$/.test(value);
  const grouped = inside(value) !== null;
  return plain || grouped ? value : quote(value);
}

const group = (text: string): string => {
  const items = split(text);
  return bound(items) ? `(${text.trim()})` : text.trim();
};

const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
const unquote = (text: string): string => text.slice(1, -1).replace(/\\(.)/gs, '$1');
/** Whether the quote that opens the text ends at its end. */
const closes = (text: string): boolean => text.length > 1 && /^"(?:[^"\\]|\\.)*"$/s.test(text);

/** What stands inside of one pair of parentheses around everything. */
function inside(text: string): string | null {
  if (!text.startsWith('(') || !text.endsWith(')')) return null;
  const inner = text.slice(1, -1);
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < inner.length; at += 1) {
    const sign = inner.charAt(at);
    if (quoted && sign === '\\') at += 1;
    else if (sign === '"') quoted = !quoted;
    else if (!quoted && sign === '(') depth += 1;
    else if (!quoted && sign === ')') depth -= 1;
    if (depth < 0) return null;
  }
  return depth === 0 && !quoted ? inner : null;
}

function cut(item: string): [string, string] {
  const at = item.indexOf(':');
  return at < 0 ? [item, ''] : [item.slice(0, at).toLowerCase(), item.slice(at + 1)];
}

/** The field and the beginning of an address that stand before the caret, if it is in one. */
export interface Wanted {
  prefix: string;
  start: number;
  end: number;
}

const ADDRESS_FIELD = /(?:^|[\s(-])((?:from|to|to-only|cc|bcc|any|mailbox):)([^\s"():]{1,})$/i;
const ADDRESS_WORD = /(?:^|[\s(-])()([^\s"():]+@[^\s"():]*)$/;

/** Which address is being typed at the caret. */
export function wanted(text: string, caret: number): Wanted | null {
  const before = text.slice(0, caret);
  const found = ADDRESS_FIELD.exec(before) ?? ADDRESS_WORD.exec(before);
  const prefix = found?.[2];
  if (!prefix) return null;
  const rest = /^[^\s"()]*/.exec(text.slice(caret))?.[0] ?? '';
  return { prefix, start: caret - prefix.length, end: caret + rest.length };
}
