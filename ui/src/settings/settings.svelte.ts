/** What the operator chose for this window; kept in the page's own storage where there is one. */
import { INTEGRITY_SPANS } from '../integrity/words';
import type { ThemeChoice } from '../theme/theme';

const KEY = 'feedwatch.settings';

export const SPANS = [
  { ms: 60_000, label: '1 min' },
  { ms: 300_000, label: '5 min' },
  { ms: 900_000, label: '15 min' },
  { ms: 3_600_000, label: '1 h' },
  { ms: 21_600_000, label: '6 h' },
  { ms: 86_400_000, label: '24 h' }
] as const;

export const DENSITIES = [2, 3, 4] as const;

interface Kept {
  theme: ThemeChoice;
  hz: number;
  notifications: boolean;
  spanMs: number;
  density: number;
  /** Span of the Integrity tab. */
  integrityMs: number;
}

const FIRST: Kept = {
  theme: 'system',
  hz: 10,
  notifications: true,
  spanMs: 300_000,
  density: 2,
  integrityMs: 3_600_000
};

/** Whatever was stored, as settings: anything that does not fit is as on the first day. */
export function readSettings(text: string | null): Kept {
  let stored: Partial<Record<keyof Kept, unknown>> = {};
  try {
    const parsed: unknown = JSON.parse(text ?? '{}');
    if (typeof parsed === 'object' && parsed !== null) stored = parsed;
  } catch {
    // Not ours to repair.
  }
  const { theme, hz, notifications, spanMs, density, integrityMs } = stored;
  return {
    theme: theme === 'dark' || theme === 'light' ? theme : FIRST.theme,
    hz: typeof hz === 'number' && hz >= 1 && hz <= 30 ? Math.round(hz) : FIRST.hz,
    notifications: typeof notifications === 'boolean' ? notifications : FIRST.notifications,
    spanMs: SPANS.find((span) => span.ms === spanMs)?.ms ?? FIRST.spanMs,
    density: DENSITIES.find((columns) => columns === density) ?? FIRST.density,
    integrityMs: INTEGRITY_SPANS.find((span) => span.ms === integrityMs)?.ms ?? FIRST.integrityMs
  };
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export class Settings {
  private readonly kept = $state(readSettings(stored()));

  get theme(): ThemeChoice {
    return this.kept.theme;
  }
  get hz(): number {
    return this.kept.hz;
  }
  get notifications(): boolean {
    return this.kept.notifications;
  }
  get spanMs(): number {
    return this.kept.spanMs;
  }
  get density(): number {
    return this.kept.density;
  }
  get integrityMs(): number {
    return this.kept.integrityMs;
  }

  change(part: Partial<Kept>): void {
    Object.assign(this.kept, readSettings(JSON.stringify({ ...this.kept, ...part })));
    try {
      localStorage.setItem(KEY, JSON.stringify(this.kept));
    } catch {
      // Without storage the choice lasts as long as the window.
    }
  }
}
