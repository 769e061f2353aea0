import { tick } from 'svelte';

/** Does what may take the pressed button away: then the focus goes on to another place. */
export async function leaving(
  event: Event,
  change: () => unknown,
  next: () => HTMLElement | null | undefined
): Promise<void> {
  const pressed = event.currentTarget;
  await change();
  await tick();
  if (pressed instanceof HTMLElement && !pressed.isConnected) next()?.focus();
}
