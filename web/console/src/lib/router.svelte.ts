// Pages have addresses: /, /message/ID, /imports, /storage, /queue, /recipients,
// /mailbox/FOLDER/UID. Links are plain <a href>; clicks on
// them change the page without loading it anew.

export interface Route {
  path: string;
  params: URLSearchParams;
}

const here = (): Route => ({
  path: location.pathname,
  params: new URLSearchParams(location.search),
});

export const router = $state<{ route: Route }>({ route: here() });

/** An address inside the console; the case that one reads in stays. */
export function href(path: string, params: Record<string, string | null | undefined> = {}): string {
  const query = new URLSearchParams();
  const open = router.route.params.get('case');
  for (const [name, value] of Object.entries({ case: open, ...params })) {
    if (value) query.set(name, value);
  }
  const text = query.toString();
  return path + (text ? `?${text}` : '');
}

/** Shows another page. */
export function go(address: string, replace = false): void {
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  router.route = here();
}

/** Follows the browser's buttons and the page's own links. */
export function start(): void {
  addEventListener('popstate', () => {
    router.route = here();
  });
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    const other = event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey;
    if (!link || other || event.defaultPrevented || link.target || link.hasAttribute('download')) return;
    const target = new URL(link.href, location.href);
    if (target.origin !== location.origin || target.pathname.startsWith('/api/')) return;
    event.preventDefault();
    // A jump inside of the page moves the focus and nothing else.
    if (target.hash) document.querySelector<HTMLElement>(target.hash)?.focus();
    else go(target.pathname + target.search);
  });
}
