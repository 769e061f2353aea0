/** A whole page on the fake engine, for tests: opened before each of them, and what hands and eyes do with it. */
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, vi } from 'vitest';

import App from './App.svelte';
import { FakeBackend } from './backend/fake';
import { ConsoleState } from './console.svelte';
import { Settings } from './settings/settings.svelte';

export let backend: FakeBackend;
export let page: ConsoleState;
let app: Record<string, unknown>;

export const all = (id: string): HTMLElement[] => [
  ...document.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`)
];
export const one = (id: string): HTMLElement => {
  const found = all(id)[0];
  if (found === undefined) throw new Error(`no ${id} on the page`);
  return found;
};

export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  flushSync();
}

export function press(key: string, part: KeyboardEventInit = {}, target: EventTarget = document.body): void {
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...part }));
  flushSync();
}

export function type(input: HTMLElement, text: string): void {
  (input as HTMLInputElement).value = text;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  flushSync();
}

export async function click(id: string): Promise<void> {
  one(id).click();
  await pass(0);
}

/** Every test of the file starts with a page of its own. */
export function aPageForEveryTest(): void {
  beforeEach(async () => {
    vi.useFakeTimers({ now: Date.UTC(2026, 0, 5, 14, 32, 7) });
    localStorage.clear();
    backend = new FakeBackend({ seed: 7 });
    page = new ConsoleState(backend, new Settings());
    app = mount(App, { target: document.body, props: { page } });
    await pass(0);
  });

  afterEach(async () => {
    await unmount(app);
    backend.stop();
    document.body.replaceChildren();
    vi.useRealTimers();
  });
}
