/** The drills that were asked for in this window, by the name of their feed. They go on when their dialog is closed. */
import { SvelteMap } from 'svelte/reactivity';

import { inWords, type Backend } from '../backend/backend';
import type { DrillRow } from '../bindings/DrillRow';
import type { FeedRow } from '../bindings/FeedRow';

export type Drill =
  /** Since when, by the page's own clock. */
  | { state: 'running'; since: number }
  | { state: 'measured'; row: DrillRow }
  /** It did not take place, or was broken off. */
  | { state: 'failed'; problem: string };

export class Drills {
  private readonly latest = new SvelteMap<string, Drill>();
  /** Measured here, and not yet seen in the history, which is written a moment later. */
  private readonly fresh = new Map<string, DrillRow[]>();
  /** Feeds whose dialog is open. */
  private readonly watched = new Set<string>();

  constructor(
    private readonly backend: Backend,
    private readonly failed: (what: string, error: unknown) => void
  ) {}

  /** The latest drill of a feed, until somebody has seen how it ended. */
  of(feed: string): Drill | undefined {
    return this.latest.get(feed);
  }

  async run({ name, title }: FeedRow): Promise<void> {
    if (this.of(name)?.state === 'running') return;
    this.latest.set(name, { state: 'running', since: performance.now() });
    try {
      const row = await this.backend.drill(name);
      this.fresh.set(name, [row, ...(this.fresh.get(name) ?? [])]);
      this.latest.set(name, { state: 'measured', row });
    } catch (error) {
      this.latest.set(name, { state: 'failed', problem: inWords(error) });
      // How one ended that was measured, the engine tells by itself.
      if (!this.watched.has(name)) this.failed(`Drill of ${title}`, error);
    }
  }

  /** Its dialog is open until the answer is called. */
  watch(feed: string): () => void {
    this.watched.add(feed);
    return () => {
      this.watched.delete(feed);
      if (this.of(feed)?.state !== 'running') this.latest.delete(feed);
    };
  }

  /** The feed's drills, the latest first, with those that have just ended. */
  async history(feed: string): Promise<DrillRow[]> {
    const kept = await this.backend.drills(feed);
    const fresh = (this.fresh.get(feed) ?? []).filter(
      (row) => !kept.some(({ at_ms }) => at_ms === row.at_ms)
    );
    this.fresh.set(feed, fresh);
    return [...fresh, ...kept].sort((a, b) => b.at_ms - a.at_ms);
  }
}
