/** Chooses the engine: the real one inside the window, the fake one in a plain browser or with `?fake`. */
import type { Backend } from './backend';
import { isTauri, tauri } from './tauri';

export * from './backend';

export async function openBackend(search: string): Promise<Backend> {
  const asked = new URLSearchParams(search);
  if (isTauri() && !asked.has('fake')) return tauri;
  const { FakeBackend } = await import('./fake');
  return new FakeBackend({
    seed: Number(asked.get('seed') ?? 7),
    extraSeries: Number(asked.get('series') ?? 0)
  });
}
