import { createContext } from 'svelte';

import type { ConsoleState } from './console.svelte';

export type { Notice } from './console.svelte';

/** The one state of the page, handed down to every component. */
export const [useConsole, provideConsole] = createContext<ConsoleState>();
