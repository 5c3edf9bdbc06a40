// Who reads, and in which case.
import { get, send, whenSignedOut } from './api';
import { go, href, router } from './router.svelte';
import { rights, type Rights } from './rights';
import type { Me } from './types';

export const session = $state<{ me: Me | null; known: boolean; ended: boolean }>({
  me: null,
  known: false,
  ended: false,
});

/** Asks who the browser's cookie belongs to. */
export async function resume(): Promise<void> {
  whenSignedOut(() => {
    session.ended = session.me !== null;
    session.me = null;
  });
  try {
    session.me = await get<Me>('/me');
  } catch {
    session.me = null;
  }
  session.known = true;
}

/** Asks again what may have changed meanwhile: whether there is a standby mailbox. */
export async function refresh(): Promise<void> {
  if (!session.me) return;
  const me = await get<Me>('/me').catch(() => null);
  if (me && session.me && me.mailbox !== session.me.mailbox) session.me = me;
}

export async function signIn(address: string, password: string): Promise<void> {
  session.me = await send<Me>('POST', '/session', { address, password });
  session.ended = false;
}

export async function signOut(): Promise<void> {
  await send('DELETE', '/session').catch(() => null);
  session.me = null;
  session.ended = false;
  go('/');
}

/** The case in the page's address, if the reader may open it. */
export function openCase(): Me['cases'][number] | null {
  const id = router.route.params.get('case');
  return session.me?.cases.find((known) => String(known.id) === id) ?? null;
}

/** What the reader's roles open. */
export const open = (): Rights => rights(session.me ?? { roles: [], cases: [] });

/** What every request about mail carries. */
export const scope = (): { case: string | null } => ({ case: router.route.params.get('case') });

export function enterCase(id: string | null): void {
  go(href('/', { case: id, q: router.route.params.get('q') }));
}
