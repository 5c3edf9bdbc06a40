// What the HTTP API answers (see docs/api/openapi.json), as far as the console reads it.

export interface Person {
  name: string | null;
  email: string;
}

export interface Me {
  address: string;
  name: string | null;
  roles: string[];
  owns: string[];
  /** Whether there is a standby mailbox of theirs. */
  mailbox: boolean;
  cases: { id: number; name: string }[];
}

export type Order = 'newest' | 'oldest' | 'score';

export interface Place {
  mailbox: string;
  folder: string;
  flags: string[];
}

export interface Hit {
  id: string;
  sha256: string;
  copies: number;
  date: string | null;
  from: Person | null;
  to: Person[];
  subject: string | null;
  size: number;
  attachments: number;
  places: Place[];
  score: number | null;
}

export interface SearchPage {
  total: number;
  copies: number;
  unknown: number;
  took_ms: number;
  answered: string[];
  silent: string[];
  next: string | null;
  canonical: string;
  hits: Hit[];
}

/** Start and end of a highlight, in UTF-16 units, as JavaScript counts. */
export type Range = [number, number];

export interface Snippet {
  id: string;
  text: string;
  hits: Range[];
  where: 'body' | 'subject' | 'attachment';
  attachment: string | null;
}

export interface Bucket {
  value: string;
  count: number;
}

export const FACETS = ['sender', 'domain', 'year', 'type', 'mailbox', 'language'] as const;
export type Facet = (typeof FACETS)[number];
export type Facets = Record<Facet, Bucket[]>;

export interface Months {
  months: { month: string; count: number }[];
  undated: number;
}

export interface Why {
  tests: {
    test: string;
    holds: boolean | null;
    where: { field: string; attachment: string | null; text: string | null }[];
  }[];
}

export interface QueryHelp {
  fields: { name: string; about: string; example: string }[];
  operators: { text: string; about: string }[];
}

export interface Suggestion {
  address: string;
  name: string | null;
  count: number;
}

export interface SavedSearch {
  id: number;
  name: string;
  q: string;
  created: string;
}

/** A file that came with a message. */
export interface MailFile {
  index: number;
  name: string | null;
  type: string;
  size: number;
}

export interface Attachment extends MailFile {
  text: 'read' | 'none' | 'unknown' | 'pending';
  reason?: string | null;
}

export interface Message {
  id: string;
  sha256: string;
  copies: string[];
  size: number;
  date: string | null;
  held_from: string | null;
  held_source: string | null;
  origin: string | null;
  seq: number | null;
  subject: string | null;
  from: Person[];
  to: Person[];
  cc: Person[];
  bcc: Person[];
  reply_to: Person[];
  message_id: string | null;
  places: (Place & { keywords: string[]; delivered: string | null })[];
  attachments: Attachment[];
  has_html: boolean;
}

export interface Marked {
  text: string;
  hits: Range[];
}

export interface Turn {
  id: string;
  date: string | null;
  from: Person[];
  subject: string | null;
  depth: number;
}

export interface Proof {
  verified: boolean;
  reason?: string | null;
  kind: string;
  /** What is not known yet, because the log has not come so far, is null. */
  time: string | null;
  seq: number | null;
  size: number;
  leaf: string | null;
  path: string[];
  root: string | null;
  checkpoint: string | null;
  key: string | null;
}

export type JobState = 'running' | 'done' | 'stopped' | 'withdrawn' | 'failed';

export interface Job {
  id: number;
  kind: string;
  source: string;
  state: JobState;
  started: string;
  updated: string | null;
  seen: number;
  stored: number;
  duplicate: number;
  rejected: number;
  failed: number;
  outside: number;
  bytes: number;
  total_bytes?: number | null;
  rate: number | null;
  eta_seconds?: number | null;
  errors: string[];
}

export const LEG_STATES = [
  'waiting',
  'taken',
  'sending',
  'uncertain',
  'held',
  'delivered',
  'failed',
  'dropped',
  'repeated',
] as const;
export type LegState = (typeof LEG_STATES)[number];

export type Held = 'operator' | 'unknown recipient' | 'standby' | 'standby mailbox';

export type Verdict =
  | 'accepted'
  | 'temporary'
  | 'permanent'
  | 'uncertain'
  | 'unsettled'
  | 'evidence'
  | 'not-there'
  | 'ordered';

export interface Attempt {
  at: string;
  server: string;
  verdict: Verdict;
  words: string;
}

/** A message's way to one recipient. */
export interface Leg {
  id: number;
  mail: number;
  sha256: string;
  sender: string;
  recipient: string;
  /** `domain NAME` or `server HOST:PORT`. */
  place: string;
  state: LegState;
  why?: Held | null;
  priority: number;
  at: string;
  due: string;
  tries: number;
  possibly_doubled: boolean;
  attempts: Attempt[];
}

export interface Queue {
  legs: Leg[];
  open: number;
  oldest: string | null;
  states: { state: LegState; why?: Held | null; legs: number }[];
}

export interface Evidence {
  messages: number;
  delivered: number;
  not_delivered: number;
  open: number;
}

export interface Domain {
  name: string;
  /** `reject`, `hold`, `relay`, or the address that gets it. */
  unknown: string;
  server: string | null;
}

export const USER_STATES = ['ready', 'active', 'recovery'] as const;
export type UserState = (typeof USER_STATES)[number];

export interface Recipient {
  address: string;
  targets: string[];
  server: string | null;
  state: UserState;
  generation: number;
}

export interface StateChange {
  changed: string[];
  already: string[];
  /** As `ADDRESS is STATE`. */
  refused: string[];
}

export interface Storage {
  messages: number;
  copies: number;
  /** Distinct copies as they came in. */
  raw_bytes: number;
  /** All that lies on disk: mail, index, log and catalog. */
  stored_bytes: number;
  saved_by_deduplication: number;
  saved_by_compression: number;
  index_bytes: number;
  log_bytes: number;
  catalog_bytes: number;
  lag: { index: number; log: number; extraction: number };
  checkpoint: { size: number; time: string } | null;
  mailboxes: { address: string; messages: number; bytes: number }[];
  ages: { year: number | null; messages: number; bytes: number }[];
  extraction: { read: number; none: number; unknown: number; pending: number };
}

export const FOLDER_USES = ['inbox', 'drafts', 'sent', 'archive', 'junk', 'trash'] as const;
export type FolderUse = (typeof FOLDER_USES)[number];

/** A folder of a standby mailbox. */
export interface Folder {
  id: number;
  name: string;
  use: FolderUse | null;
  messages: number;
  unseen: number;
}

export interface StandbyMailbox {
  address: string;
  state: UserState;
  sends: boolean;
  /** Those that the reader may send as, the usual one first. */
  addresses: string[];
  folders: Folder[];
}

export type MailFlag = 'seen' | 'answered' | 'flagged' | 'deleted' | 'draft' | 'forwarded';

/** A message of a mailbox in its list. */
export interface MailLine {
  folder: number;
  uid: number;
  id: string;
  date: string;
  from: Person[];
  to: Person[];
  subject: string;
  flags: MailFlag[];
  size: number;
  attachments: number;
}

export interface MailPage {
  folder: number;
  messages: number;
  items: MailLine[];
  next: number | null;
}

export interface MailFound {
  items: MailLine[];
  next: string | null;
}

export interface Mail {
  folder: number;
  uid: number;
  id: string;
  date: string | null;
  came: string;
  subject: string;
  from: Person[];
  to: Person[];
  cc: Person[];
  bcc: Person[];
  reply_to: Person[];
  flags: MailFlag[];
  size: number;
  text: string;
  has_html: boolean;
  attachments: MailFile[];
}

/** Where a message of a mailbox lies. */
export interface MailPlace {
  folder: number;
  uid: number;
}
