// Numbers, sizes, dates and people as text, in the reader's language and zone.
import type { Person } from './types';

const numbers = new Intl.NumberFormat();
const decimals = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const minute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const second = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const shortHours = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const hours = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const monthName = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'long',
  timeZone: 'UTC',
});
const languages = new Intl.DisplayNames(undefined, { type: 'language', fallback: 'code' });

export const count = (value: number): string => numbers.format(value);

export const percent = (part: number, whole: number): string =>
  whole > 0 ? `${decimals.format((100 * part) / whole)} %` : '–';

/** Thousands, as the query language counts sizes. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const text = value >= 100 || unit === 0 ? numbers.format(Math.round(value)) : decimals.format(value);
  return `${text} ${units[unit] ?? ''}`;
}

/** Short, for lists; with the hour only where that helps. */
export const date = (value: string): string => day.format(new Date(value));
export const time = (value: string): string => minute.format(new Date(value));
/** The hour of what is of today, else the day. */
export function brief(value: string, now = new Date()): string {
  const at = new Date(value);
  return at.toDateString() === now.toDateString() ? shortHours.format(at) : day.format(at);
}
export const longTime = (value: string): string => second.format(new Date(value));
/** The hour of a moment, in ms since 1970. */
export const clock = (moment: number): string => hours.format(new Date(moment));

/** To the second in UTC, as the archive keeps it. */
export function utc(value: string): string {
  const at = new Date(value);
  if (Number.isNaN(at.valueOf())) return value;
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `2024-01` as "January 2024". */
export const month = (value: string): string => monthName.format(new Date(`${value}-01T00:00Z`));

export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${decimals.format(seconds / 3600)} h`;
  return `${numbers.format(Math.round(seconds / 86_400))} d`;
}

export function language(code: string): string {
  try {
    return languages.of(code) ?? code;
  } catch {
    return code;
  }
}

/** The name, or the address where there is none. */
export const person = (value: Person | null | undefined): string =>
  value ? value.name || value.email : '';

export const short = (digest: string, length = 8): string => digest.slice(0, length);
