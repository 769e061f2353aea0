/** Whatever nobody caught goes to the log once, and the operator is told: never a blank page. */
import type { ConsoleState } from './console.svelte';

const TOLD_AT_MOST = 20;

export function watchErrors(target: Window, page: ConsoleState): void {
  const told = new Set<string>();
  const tell = (error: unknown): void => {
    const text = error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
    if (told.has(text) || told.size >= TOLD_AT_MOST) return;
    told.add(text);
    page.backend.pageError(text.slice(0, 4000)).catch(() => undefined);
    const said = error instanceof Error ? error.message : String(error);
    // Addresses of a library's documentation tell the operator nothing; the log has them.
    const what = said.replace(/https?:\S+/g, '').trim();
    page.notify('warning', `Something in the window went wrong and was logged: ${what.slice(0, 200)}`);
  };
  target.addEventListener('error', (event) => {
    // Browsers report this where an observer is called again within a frame; nothing is lost.
    if (event.message.startsWith('ResizeObserver loop')) return;
    tell(event.error ?? event.message);
  });
  target.addEventListener('unhandledrejection', (event) => tell(event.reason));
}
