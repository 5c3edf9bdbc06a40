// What a reader chose for this browser: light or dark, single-key shortcuts.

export type Theme = 'auto' | 'light' | 'dark';
const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

/** Storage may be forbidden; then choices last as long as the page. */
function load(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // See above.
  }
}

export const settings = $state<{ theme: Theme; keys: boolean }>({
  theme: THEMES.find((known) => known === load('theme')) ?? 'auto',
  keys: load('keys') !== 'off',
});

export function setTheme(theme: Theme): void {
  settings.theme = theme;
  keep('theme', theme);
  applyTheme();
}

export function applyTheme(): void {
  if (settings.theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = settings.theme;
}

/** WCAG 2.1.4: shortcuts of one letter can be turned off. */
export function setKeys(on: boolean): void {
  settings.keys = on;
  keep('keys', on ? 'on' : 'off');
}

/** The letter of a shortcut, or nothing while somebody types or a dialog is open. */
export function shortcut(event: KeyboardEvent): string | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  if (document.querySelector('dialog[open]')) return null;
  const typing =
    event.target instanceof Element && event.target.closest('input, textarea, select') !== null;
  if (typing) return null;
  return settings.keys || event.key === 'Escape' ? event.key : null;
}
