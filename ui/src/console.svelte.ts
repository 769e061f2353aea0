/**
 * What the page knows: fed by the pushes, shown by the components. Fast data (samples) never come here, see
 * `charts/ticker.ts`.
 */
import { SvelteSet } from 'svelte/reactivity';

import { AlarmList } from './alarms/list.svelte';
import { isOver, needsPerson, withFinding, worst } from './alarms/order';
import { inWords, type Backend } from './backend/backend';
import { Subscription } from './backend/subscription';
import type { AlarmRow } from './bindings/AlarmRow';
import type { FeedRow } from './bindings/FeedRow';
import type { FindingRow } from './bindings/FindingRow';
import type { Level } from './bindings/Level';
import type { PushBody } from './bindings/PushBody';
import type { SeriesRow } from './bindings/SeriesRow';
import type { Status } from './bindings/Status';
import { kindWord } from './charts/format';
import { ordered } from './charts/order';
import { later, Ticker } from './charts/ticker';
import { Drills } from './feeds/drills.svelte';
import { Integrity } from './integrity/state.svelte';
import { Profiles, type Part } from './profile/state.svelte';
import type { Settings } from './settings/settings.svelte';
import type { Tab } from './settings/tabs';
import type { ThemeName } from './theme/theme';

const PAST_ALARMS_KEPT = 200;
const NOTICES_KEPT = 4;
const NOTICE_MS = 8000;
/** What can be taken back stays long enough to be thought over. */
const UNDO_MS = 60_000;
/** Nothing from the engine for so long: what is shown is old. */
export const FROZEN_AFTER_MS = 3000;
const SETTLE_MS = 4000;
const RESUBSCRIBE_EVERY_MS = 5000;

export interface Notice {
  id: number;
  level: Level;
  text: string;
  /** Takes back what the notice tells. */
  undo: (() => Promise<void>) | null;
}

/** A snapshot is put together here and shown when it is whole: nothing flickers on a new subscription. */
interface Pending {
  feeds: (FeedRow | undefined)[];
  alarms: Map<number, AlarmRow>;
  findings: FindingRow[];
}

export class ConsoleState {
  ready = $state(false);
  status = $state.raw<Status | null>(null);
  feeds = $state.raw<FeedRow[]>([]);
  series = $state.raw<SeriesRow[]>([]);
  alarms = $state.raw<AlarmRow[]>([]);
  findings = $state.raw<FindingRow[]>([]);
  notices = $state.raw<Notice[]>([]);
  /** Read out by screen readers: the newest alarm. */
  announcement = $state('');
  /** The view in the middle of the window. */
  tab = $state<Tab>('charts');
  /** Only this feed's charts; `null`: all. */
  selectedFeed = $state<number | null>(null);
  selectedAlarm = $state<number | null>(null);
  hidden = new SvelteSet<number>();
  /** The right edge of all charts; `null`: live. */
  untilMs = $state<number | null>(null);
  /** The panel that *Show* points at. */
  highlighted = $state<number | null>(null);
  /** When the engine was last heard (the page's clock), if that is too long ago. */
  frozenSince = $state<number | null>(null);
  /** The theme in force. */
  theme = $state<ThemeName>('dark');
  /** The engine's clock, in whole seconds. */
  nowMs = $state(Date.now());
  readonly ticker: Ticker;
  readonly drills: Drills;
  readonly integrity: Integrity;
  readonly profiles: Profiles;
  readonly list = new AlarmList(
    () => this.alarms,
    () => this.findings
  );

  private readonly subscription: Subscription;
  private pending: Pending | null = null;
  private seriesRevision = -1;
  /** When the first series came: right after a start the charts still find their places. */
  private seriesSince: number | null = null;
  private nextNotice = 1;
  private clockOffsetMs = 0;
  /** The right edge of the last frame: where *Pause* stops. */
  private edgeMs = 0;
  private startedAt = 0;
  private resubscribedAt = -Infinity;
  private troubleTold = '';
  private watch: ReturnType<typeof setInterval> | null = null;

  constructor(
    readonly backend: Backend,
    readonly settings: Settings
  ) {
    this.subscription = new Subscription(
      (onPush) => backend.subscribe(onPush),
      (body) => this.receive(body),
      () => performance.now(),
      (error) => this.trouble('subscribe', error)
    );
    this.drills = new Drills(backend, (what, error) => this.failed(what, error));
    this.integrity = new Integrity(backend);
    this.profiles = new Profiles(backend);
    this.ticker = new Ticker({
      frame: (request) => backend.frame(request),
      clock: () => performance.now(),
      later,
      hidden: () => document.hidden,
      onFrame: (frame) => {
        this.edgeMs = frame.toMs;
      },
      onTrouble: (error) => this.trouble('frame', error)
    });
  }

  start(): void {
    this.startedAt = performance.now();
    this.subscription.start();
    this.ticker.start();
    document.addEventListener('visibilitychange', this.onVisibility);
    this.watch = setInterval(() => this.look(), 250);
  }

  stop(): void {
    this.subscription.stop();
    this.ticker.stop();
    document.removeEventListener('visibilitychange', this.onVisibility);
    if (this.watch !== null) clearInterval(this.watch);
  }

  private readonly onVisibility = (): void => {
    if (document.hidden) return;
    this.startedAt = performance.now();
    this.ticker.wake();
    this.look();
  };

  /** Was the engine heard lately? While the page is hidden nobody looks, and timers sleep. */
  private look(): void {
    if (document.hidden) return;
    const now = performance.now();
    const second = Math.floor((Date.now() + this.clockOffsetMs) / 1000) * 1000;
    if (second !== this.nowMs) this.nowMs = second;
    const heard = Math.max(this.subscription.heardAt ?? 0, this.startedAt);
    const owed = this.ticker.owedSince ?? now;
    const quiet = now - Math.min(heard, Math.max(owed, this.startedAt));
    if (quiet <= FROZEN_AFTER_MS) {
      this.frozenSince = null;
      return;
    }
    if (this.frozenSince === null) this.frozenSince = Date.now() - quiet;
    if (now - heard > FROZEN_AFTER_MS && now - this.resubscribedAt > RESUBSCRIBE_EVERY_MS) {
      this.resubscribedAt = now;
      this.subscription.start();
    }
  }

  private receive(body: PushBody): void {
    switch (body.type) {
      case 'snapshot':
        this.pending = { feeds: [], alarms: new Map(), findings: [] };
        this.takeStatus(body.status);
        break;
      case 'ready':
        this.showPending();
        break;
      case 'status':
        this.takeStatus(body.status);
        break;
      case 'feeds':
        this.takeFeeds(body.offset, body.total, body.rows);
        break;
      case 'alarm':
        this.takeAlarm(body.alarm);
        break;
      case 'finding':
        this.takeFinding(body.finding);
        break;
      case 'notice':
        this.notify(body.level, body.text);
    }
  }

  private showPending(): void {
    if (this.pending !== null) {
      const { feeds, alarms, findings } = this.pending;
      this.feeds = feeds.filter((row) => row !== undefined);
      this.alarms = [...alarms.values()];
      this.findings = findings;
      this.pending = null;
    }
    this.ready = true;
  }

  private takeStatus(status: Status): void {
    this.clockOffsetMs = status.now_ms - Date.now();
    this.status = status;
    if (status.series_revision !== this.seriesRevision) void this.askSeries(status.series_revision);
  }

  private async askSeries(revision: number): Promise<void> {
    const before = this.seriesRevision;
    this.seriesRevision = revision;
    try {
      const series = await this.backend.series();
      this.seriesSince ??= performance.now();
      this.series = ordered(series, this.series, performance.now() - this.seriesSince > SETTLE_MS);
    } catch (error) {
      this.seriesRevision = before;
      this.trouble('series', error);
    }
  }

  private takeFeeds(offset: number, total: number, rows: FeedRow[]): void {
    const feeds: (FeedRow | undefined)[] = this.pending?.feeds ?? [...this.feeds];
    feeds.length = Math.min(total, 100_000);
    rows.forEach((row, i) => {
      if (offset + i < feeds.length) feeds[offset + i] = row;
    });
    if (this.pending !== null) return;
    this.feeds = feeds.filter((row) => row !== undefined);
    if (this.selectedFeed !== null && !this.feeds.some((feed) => feed.id === this.selectedFeed))
      this.selectedFeed = null;
  }

  private takeAlarm(alarm: AlarmRow): void {
    if (this.pending !== null) {
      this.pending.alarms.set(alarm.id, alarm);
      return;
    }
    const before = this.alarms.find((known) => known.id === alarm.id);
    const others = this.alarms.filter((known) => known.id !== alarm.id);
    const past = others.filter((known) => known.state === 'normal');
    const drop = past.length > PAST_ALARMS_KEPT ? past[0]?.id : null;
    this.alarms = [...others.filter((known) => known.id !== drop), alarm];
    if (before === undefined && needsPerson(alarm)) {
      this.announcement = `New ${alarm.level} alarm. ${alarm.feed_title}: ${alarm.title}`;
    }
  }

  private takeFinding(finding: FindingRow): void {
    if (this.pending !== null) this.pending.findings = withFinding(this.pending.findings, finding);
    else this.findings = withFinding(this.findings, finding);
  }

  /** The word for a series' panel: of its open alarm, else of the latest finding. */
  readonly kinds = $derived.by(() => {
    const kinds = new Map<number, string>();
    for (const finding of this.findings)
      if (finding.series !== null) kinds.set(finding.series, kindWord(finding.kind));
    for (const alarm of this.alarms) {
      if (alarm.series !== null && alarm.state !== 'normal') kinds.set(alarm.series, kindWord(alarm.kind));
    }
    return kinds;
  });

  /** Since when a series' oldest open alarm holds. */
  readonly openSince = $derived.by(() => {
    const since = new Map<number, number>();
    for (const { series, cleared_ms, raised_ms } of this.alarms) {
      if (series !== null && cleared_ms === null)
        since.set(series, Math.min(raised_ms, since.get(series) ?? Infinity));
    }
    return since;
  });

  /** How bad the worst open alarm of a series is that still holds or that nobody has seen. */
  readonly alarmed = $derived.by(() => {
    const levels = new Map<number, Level>();
    for (const alarm of this.alarms) {
      if (alarm.series === null || (!needsPerson(alarm) && isOver(alarm))) continue;
      levels.set(alarm.series, worst([alarm.level, levels.get(alarm.series) ?? 'ok']));
    }
    return levels;
  });

  /** Open alarms that need a person, by feed. */
  readonly needYouByFeed = $derived.by(() => {
    const counts = new Map<number, number>();
    for (const { feed } of this.alarms.filter(needsPerson)) counts.set(feed, (counts.get(feed) ?? 0) + 1);
    return counts;
  });

  readonly shownSeries = $derived(
    this.series.filter(
      (row) => !this.hidden.has(row.id) && (this.selectedFeed === null || row.feed === this.selectedFeed)
    )
  );

  readonly needYou = $derived(this.alarms.filter(needsPerson).length);

  notify(level: Level, text: string, undo: Notice['undo'] = null): void {
    const id = this.nextNotice++;
    const same = (notice: Notice): boolean => notice.text === text && notice.undo === null && undo === null;
    const notices = [...this.notices.filter((notice) => !same(notice)), { id, level, text, undo }];
    const older = notices.slice(0, -1);
    const drop = older.find((notice) => notice.undo === null) ?? older[0];
    this.notices = notices.length > NOTICES_KEPT ? notices.filter((notice) => notice !== drop) : notices;
    if (level === 'ok' || level === 'info')
      setTimeout(() => this.dismiss(id), undo === null ? NOTICE_MS : UNDO_MS);
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }

  failed(what: string, error: unknown): void {
    this.notify('warning', `${what}: ${inWords(error)}`);
  }

  /** Trouble that repeats with every tick is logged once. */
  private trouble(where: string, error: unknown): void {
    const told = `${where}: ${typeof error === 'object' && error !== null && 'reason' in error ? JSON.stringify(error) : inWords(error)}`;
    if (told === this.troubleTold) return;
    this.troubleTold = told;
    this.backend.pageError(told).catch(() => undefined);
  }

  async acknowledge(ids: number[]): Promise<void> {
    if (ids.length === 0) return;
    this.list.acknowledged(ids);
    try {
      await this.backend.acknowledge(ids, null);
    } catch (error) {
      this.failed('Not acknowledged', error);
    }
  }

  /** Stops the charts at a moment: the one given, else where they are. */
  pause(untilMs?: number): void {
    // Charts that are not seen stand at an old edge.
    const edge = this.tab === 'charts' && this.edgeMs > 0 ? this.edgeMs : this.nowMs;
    this.untilMs = untilMs ?? this.untilMs ?? edge;
  }

  live(): void {
    this.untilMs = null;
    this.highlighted = null;
  }

  togglePause(): void {
    if (this.untilMs === null) this.pause();
    else this.live();
  }

  /** Shows the time up to the last value of a chart, also where that is days ago. */
  goToValues(lastMs: number): void {
    this.pause(lastMs + this.settings.spanMs / 20);
  }

  /** Shows what is known of a feed, from this part on. */
  showProfile(feed: number, part: Part | null = null): void {
    this.selectedFeed = feed;
    this.profiles.goTo = part;
    this.tab = 'profile';
  }

  /** Brings a moment of a series or feed into view on the charts, three quarters across the charts. */
  show(atMs: number, feed: number, series: number | null): void {
    this.tab = 'charts';
    // A little of the time behind it, but nothing of what is still to come.
    this.pause(Math.min(atMs + this.settings.spanMs / 4, Date.now() + this.clockOffsetMs));
    const known = series !== null && this.series.some((row) => row.id === series);
    if (series !== null && known) {
      this.hidden.delete(series);
      if (this.selectedFeed !== null && this.selectedFeed !== feed) this.selectedFeed = null;
      this.highlighted = series;
    } else if (this.feeds.some((row) => row.id === feed)) {
      this.selectedFeed = feed;
    }
  }
}
