/** What the Profile tab knows: what is known of the feed, and for each feed what is typed and not saved yet. */
import { SvelteMap } from 'svelte/reactivity';

import { inWords, type Backend } from '../backend/backend';
import type { FeedChange } from '../bindings/FeedChange';
import type { ProfileView } from '../bindings/ProfileView';
import { ProfileDraft } from './draft.svelte';

/** So often it is asked anew while somebody looks. */
export const REFRESH_MS = 2000;

/** Parts of the view that can be gone to. */
export type Part = 'kinds' | 'times' | 'keys' | 'sequence' | 'checksums' | 'series' | 'ignore' | 'rhythm';

/** What a check stands on. */
export const PART_OF: Readonly<Record<string, Part>> = {
  sequence: 'sequence',
  order: 'sequence',
  duplicate: 'sequence',
  conflict: 'sequence',
  lateness: 'times',
  clock: 'times',
  silence: 'rhythm',
  rate: 'rhythm',
  schema: 'kinds',
  range: 'series',
  checksum: 'checksums',
  signature: 'checksums'
};

export class Profiles {
  view = $state.raw<ProfileView | null>(null);
  /** Why the last question had no answer. */
  problem = $state<string | null>(null);
  find = $state('');
  /** Where the view is to begin, till it was gone to. */
  goTo = $state<Part | null>(null);
  saving = $state(false);
  private flight = 0;
  private readonly drafts = new SvelteMap<string, ProfileDraft>();

  constructor(private readonly backend: Backend) {}

  draft(name: string): ProfileDraft {
    const known = this.drafts.get(name);
    if (known !== undefined) return known;
    const made = new ProfileDraft();
    this.drafts.set(name, made);
    return made;
  }

  async ask(feed: number): Promise<void> {
    const flight = ++this.flight;
    if (this.view !== null && this.view.feed !== feed) {
      this.view = null;
      this.problem = null;
    }
    try {
      const view = await this.backend.profile({ feed, find: this.find });
      if (flight !== this.flight) return;
      this.draft(view.name).follow(view.pins);
      this.view = view;
      this.problem = null;
    } catch (error) {
      if (flight === this.flight) this.problem = inWords(error);
    }
  }

  /** Writes what is typed; `null`: something is wrong with it, which the draft now says. */
  async save(view: ProfileView): Promise<FeedChange | null> {
    const draft = this.draft(view.name);
    this.saving = true;
    try {
      const typed = draft.typed();
      draft.problems = await this.backend.checkProfile(typed);
      if (draft.problems.length > 0) return null;
      const change = await this.backend.setProfile(view.name, typed);
      // What was asked before knows nothing of it.
      this.flight++;
      draft.reset(typed);
      return change;
    } finally {
      this.saving = false;
    }
  }
}
