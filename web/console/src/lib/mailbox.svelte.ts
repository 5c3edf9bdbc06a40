// The standby mailbox on the screen: folders, and the list of one of them or of what a search found. It outlives the page, so
// that going back finds the list as it was.
import { aborted, asProblem, get, send, type Problem } from './api';
import type { Folder, FolderUse, MailFlag, MailFound, MailLine, MailPage, MailPlace, StandbyMailbox } from './types';

const PAGE = 50;
/** A search opens so many messages a request; where few are found, it asks again by itself so often. */
const SEARCHES = 20;

const isAt = (line: MailPlace, at: MailPlace): boolean => line.folder === at.folder && line.uid === at.uid;

/** The resource of one message. */
export const mailPath = ({ folder, uid }: MailPlace, rest = ''): string =>
  `/mailbox/messages/${folder}/${uid}${rest}`;

export class Mailbox {
  view = $state.raw<StandbyMailbox | null>(null);
  /** The folder of the list. */
  folder = $state<number | null>(null);
  /** What is looked for, in all folders; empty for a folder's own list. */
  q = $state('');
  items = $state.raw<MailLine[]>([]);
  next = $state<string | number | null>(null);
  loading = $state(false);
  problem = $state<Problem | null>(null);
  /** The message that was opened last; the list puts the focus back on it. */
  opened: MailPlace | null = null;
  #running: AbortController | null = null;
  #key: string | null = null;

  by(use: FolderUse): Folder | null {
    return this.view?.folders.find((folder) => folder.use === use) ?? null;
  }

  get here(): Folder | null {
    return this.view?.folders.find((folder) => folder.id === this.folder) ?? null;
  }

  /** Reads folders and state. */
  async load(): Promise<void> {
    this.view = await get<StandbyMailbox>('/mailbox');
  }

  /** Shows a folder, or what is found, unless that is on the screen already. */
  async open(folder: number | null, q: string): Promise<void> {
    const key = () => JSON.stringify([q ? null : (folder ?? this.by('inbox')?.id), q]);
    if (this.view && key() === this.#key && !this.problem) return;
    Object.assign(this, { q, problem: null, items: [], next: null, opened: null });
    await this.#first(async (signal) => {
      if (!this.view) await this.load();
      this.#key = key();
      // What was found lies anywhere; the folder is where the reader comes from.
      this.folder = folder ?? (q ? this.folder : null) ?? this.by('inbox')?.id ?? null;
      return this.#page(null, signal);
    });
  }

  /** Looks whether something came or changed; says nothing where it cannot. */
  async refresh(): Promise<void> {
    const before = this.here;
    try {
      await this.load();
    } catch {
      return;
    }
    const now = this.here;
    const changed = before?.messages !== now?.messages || before?.unseen !== now?.unseen;
    if (changed && !this.q && !this.loading) await this.again();
  }

  /** Reads the list anew, as far as it was read. */
  async again(): Promise<void> {
    this.problem = null;
    const wanted = Math.max(this.items.length, PAGE);
    await this.#first(async (signal) => {
      let page = await this.#page(null, signal);
      while (page.items.length < wanted && page.next !== null) {
        const more = await this.#page(page.next, signal);
        page = { items: [...page.items, ...more.items], next: more.next };
      }
      return page;
    });
  }

  /** The next page, at the end of the list. */
  async more(): Promise<void> {
    const running = this.#running;
    if (this.next === null || this.loading || !running) return;
    this.loading = true;
    try {
      const page = await this.#page(this.next, running.signal);
      this.items = [...this.items, ...page.items];
      this.next = page.next;
    } catch (error) {
      if (aborted(error)) return;
      this.problem = asProblem(error);
    }
    this.loading = false;
  }

  async mark(at: MailPlace, order: { seen?: boolean; flagged?: boolean }): Promise<MailFlag[]> {
    const { flags } = await send<{ flags: MailFlag[] }>('PATCH', mailPath(at), order);
    this.flagged(at, flags);
    return flags;
  }

  /** A message has these flags now. */
  flagged(at: MailPlace, flags: MailFlag[]): void {
    const before = this.items.find((line) => isAt(line, at));
    this.items = this.items.map((line) => (isAt(line, at) ? { ...line, flags } : line));
    if (before) this.#count(at.folder, 0, Number(!flags.includes('seen')) - Number(!before.flags.includes('seen')));
  }

  /** Moves a message; where it lies then. */
  async move(at: MailPlace, to: number): Promise<MailPlace> {
    const moved = await send<MailPlace>('POST', mailPath(at, '/move'), { to });
    this.#gone(at);
    return moved;
  }

  /** Deletes a message; where it lies then, or null if it is gone for good. */
  async remove(at: MailPlace): Promise<MailPlace | null> {
    const moved = await send<MailPlace | null>('DELETE', mailPath(at));
    this.#gone(at);
    return moved;
  }

  /** The message before or after one in the list. */
  beside(at: MailPlace, step: number): MailLine | null {
    const place = this.items.findIndex((line) => isAt(line, at));
    return place < 0 ? null : (this.items[place + step] ?? null);
  }

  /** Forgets everything, as when somebody else signs in. */
  reset(): void {
    this.#running?.abort();
    this.#key = null;
    Object.assign(this, { view: null, folder: null, q: '', items: [], next: null, loading: false, problem: null, opened: null });
  }

  #gone(at: MailPlace): void {
    this.opened = this.beside(at, 1) ?? this.beside(at, -1);
    this.items = this.items.filter((line) => !isAt(line, at));
    void this.load().catch(() => null);
  }

  #count(id: number, messages: number, unseen: number): void {
    const view = this.view;
    if (!view || unseen === 0) return;
    const count = (folder: Folder) =>
      folder.id === id ? { ...folder, messages: folder.messages + messages, unseen: Math.max(folder.unseen + unseen, 0) } : folder;
    this.view = { ...view, folders: view.folders.map(count) };
  }

  async #first(read: (signal: AbortSignal) => Promise<{ items: MailLine[]; next: string | number | null }>): Promise<void> {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.loading = true;
    try {
      const { items, next } = await read(running.signal);
      if (running.signal.aborted) return;
      Object.assign(this, { items, next });
    } catch (error) {
      if (aborted(error) || running.signal.aborted) return;
      this.problem = asProblem(error);
    }
    this.loading = false;
  }

  async #page(from: string | number | null, signal: AbortSignal): Promise<{ items: MailLine[]; next: string | number | null }> {
    if (!this.q) {
      return get<MailPage>('/mailbox/messages', { folder: this.folder, before: from, limit: PAGE }, signal);
    }
    const found: { items: MailLine[]; next: string | null } = { items: [], next: from === null ? null : String(from) };
    for (let asked = 0; asked < SEARCHES; asked += 1) {
      const page = await get<MailFound>('/mailbox/search', { q: this.q, after: found.next, limit: PAGE }, signal);
      found.items.push(...page.items);
      found.next = page.next;
      if (found.next === null || found.items.length >= PAGE) break;
    }
    return found;
  }
}

export const mailbox = new Mailbox();
