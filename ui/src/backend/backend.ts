/**
 * All the page may ask of the engine. `tauri.ts` asks the real one, `fake.ts` plays one inside the page.
 * Times are milliseconds since the epoch (UTC). Every call may fail with a {@link Failure}.
 */
import type { DrillRow } from '../bindings/DrillRow';
import type { ExportRequest } from '../bindings/ExportRequest';
import type { ExportUpdate } from '../bindings/ExportUpdate';
import type { Failure } from '../bindings/Failure';
import type { FeedChange } from '../bindings/FeedChange';
import type { FrameRequest } from '../bindings/FrameRequest';
import type { IntegrityRequest } from '../bindings/IntegrityRequest';
import type { IntegrityView } from '../bindings/IntegrityView';
import type { MessagesRequest } from '../bindings/MessagesRequest';
import type { MessagesView } from '../bindings/MessagesView';
import type { NewFeed } from '../bindings/NewFeed';
import type { PictureRequest } from '../bindings/PictureRequest';
import type { PinProblem } from '../bindings/PinProblem';
import type { PinsRow } from '../bindings/PinsRow';
import type { ProbeUpdate } from '../bindings/ProbeUpdate';
import type { ProfileRequest } from '../bindings/ProfileRequest';
import type { ProfileView } from '../bindings/ProfileView';
import type { Push } from '../bindings/Push';
import type { SeriesRow } from '../bindings/SeriesRow';
import type { StarterRow } from '../bindings/StarterRow';
import type { Timeline } from '../bindings/Timeline';

export interface Backend {
  /** A new snapshot, then what changes. The callbacks of earlier subscriptions may still be called. */
  subscribe(onPush: (push: Push) => void): Promise<void>;
  /** Bytes as `frame.rs` lays them out; see `frame.ts`. */
  frame(request: FrameRequest): Promise<ArrayBuffer>;
  series(): Promise<SeriesRow[]>;
  acknowledge(ids: number[], note: string | null): Promise<void>;
  timeline(fromMs: number, toMs: number, slots: number): Promise<Timeline>;
  /** What was checked of a feed in a span. */
  integrity(request: IntegrityRequest): Promise<IntegrityView>;
  /** Messages around a moment, as they came. */
  messages(request: MessagesRequest): Promise<MessagesView>;
  /** Feeds of well-known shapes, by group and title. */
  starters(): Promise<StarterRow[]>;
  /** Looks at an address; the number is for `probeStop`. */
  probeStart(feed: NewFeed, onUpdate: (update: ProbeUpdate) => void): Promise<number>;
  probeStop(id: number): Promise<void>;
  /** What a look has shown so far, also when it is over; `feed` is its number. */
  probeProfile(request: ProfileRequest): Promise<ProfileView>;
  /** What is known of a feed, and what of it is pinned. */
  profile(request: ProfileRequest): Promise<ProfileView>;
  /** What is wrong with what is to be pinned. */
  checkProfile(pins: PinsRow): Promise<PinProblem[]>;
  /** Pins this of the feed of this name and no more: written to the configuration, and the feed starts anew. */
  setProfile(name: string, pins: PinsRow): Promise<FeedChange>;
  addFeed(feed: NewFeed): Promise<FeedChange>;
  removeFeed(name: string): Promise<FeedChange>;
  undoFeedChange(undo: string): Promise<void>;
  /** Cuts the feed of this name on purpose, and tells what that cost; takes 10 s or so. */
  drill(feed: string): Promise<DrillRow>;
  /** The feed's drills, the latest first. One that has just ended may not be among them yet. */
  drills(feed: string): Promise<DrillRow[]>;
  /** Asks where to save, then writes; the number is for `cancelExport`. */
  exportCsv(request: ExportRequest, onUpdate: (update: ExportUpdate) => void): Promise<number>;
  cancelExport(id: number): Promise<void>;
  /** Asks where to save; `null`: the operator thought better of it. */
  savePicture(request: PictureRequest): Promise<string | null>;
  setNotifications(on: boolean): Promise<void>;
  /** Writes an error of the page into the log. */
  pageError(text: string): Promise<void>;
}

/** Whatever was thrown, as a failure with a code. */
export function asFailure(thrown: unknown): Failure {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && 'message' in thrown) {
    const cure = 'cure' in thrown ? String(thrown.cure) : '';
    return { code: String(thrown.code), message: String(thrown.message), cure };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: 'internal', message, cure: '' };
}

/** A failure as one or two sentences for the operator. */
export function inWords(thrown: unknown): string {
  const { message, cure } = asFailure(thrown);
  return cure === '' ? message : `${message} ${cure}`;
}
