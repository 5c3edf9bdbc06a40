// One search: its pages, and what is asked for after the first page is there. It outlives the
// page that shows it, so that going back from a message finds the list as it was.
import { SvelteMap } from 'svelte/reactivity';
import { aborted, asProblem, get, send, type Problem } from './api';
import type { Facets, Hit, Months, Order, SearchPage, Snippet } from './types';

const PAGE = 50;

export class Search {
  q = $state('');
  order = $state<Order>('newest');
  case = $state<string | null>(null);
  loading = $state(false);
  problem = $state<Problem | null>(null);
  head = $state<SearchPage | null>(null);
  hits = $state.raw<Hit[]>([]);
  next = $state<string | null>(null);
  facets = $state.raw<Facets | null>(null);
  months = $state.raw<Months | null>(null);
  snippets = new SvelteMap<string, Snippet>();
  /** The message that was opened last; the list puts the focus back on it. */
  opened: string | null = null;
  #running: AbortController | null = null;
  #key: string | null = null;

  /** Asks, unless this very search is on the screen already. */
  async open(q: string, order: Order, scope: string | null): Promise<void> {
    const key = JSON.stringify([q, order, scope]);
    if (key === this.#key && !this.problem) return;
    // Sums do not change with the order.
    const sums = this.#key === null || this.q !== q || this.case !== scope;
    this.#key = key;
    Object.assign(this, { q, order, case: scope, problem: null, next: null, opened: null });
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.loading = true;
    try {
      const head = await get<SearchPage>(
        '/search',
        { q, order, limit: PAGE, case: scope },
        running.signal,
      );
      this.head = head;
      this.hits = head.hits;
      this.next = head.next;
      this.snippets.clear();
      void this.#snippets(head.hits, running.signal);
      if (sums || !this.facets) void this.#sums(running.signal);
    } catch (error) {
      if (aborted(error)) return;
      this.problem = asProblem(error);
      this.head = null;
      this.hits = [];
      this.facets = null;
      this.months = null;
    }
    this.loading = false;
  }

  /** The next page, at the end of the list. */
  async more(): Promise<void> {
    const running = this.#running;
    if (!this.next || this.loading || !running) return;
    this.loading = true;
    try {
      const page = await get<SearchPage>(
        '/search',
        { q: this.q, order: this.order, limit: PAGE, cursor: this.next, case: this.case },
        running.signal,
      );
      this.hits = [...this.hits, ...page.hits];
      this.next = page.next;
      void this.#snippets(page.hits, running.signal);
    } catch (error) {
      if (aborted(error)) return;
      this.problem = asProblem(error);
    }
    this.loading = false;
  }

  /** Asks for the next page again after an error. */
  async retry(): Promise<void> {
    this.problem = null;
    await this.more();
  }

  /** Whether an error stands in place of the list, not below it. */
  get failed(): boolean {
    return this.problem !== null && this.hits.length === 0;
  }

  /** Forgets everything, as when somebody else signs in. */
  reset(): void {
    this.#running?.abort();
    this.#key = null;
    Object.assign(this, { head: null, hits: [], facets: null, months: null, loading: false });
    this.snippets.clear();
  }

  async #snippets(hits: Hit[], signal: AbortSignal): Promise<void> {
    if (hits.length === 0) return;
    const ask = { q: this.q, ids: hits.map((hit) => hit.id), case: this.case ? Number(this.case) : null };
    try {
      const found = await send<{ snippets: Snippet[] }>('POST', '/search/snippets', ask, {}, signal);
      for (const snippet of found.snippets) this.snippets.set(snippet.id, snippet);
    } catch {
      // The list is whole without them.
    }
  }

  async #sums(signal: AbortSignal): Promise<void> {
    const ask = { q: this.q, case: this.case };
    const quiet = () => null;
    const [months, facets] = await Promise.all([
      get<Months>('/search/timeline', ask, signal).catch(quiet),
      get<Facets>('/search/facets', ask, signal).catch(quiet),
    ]);
    if (signal.aborted) return;
    this.months = months;
    this.facets = facets;
  }
}

export const search = new Search();
