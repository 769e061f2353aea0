/**
 * An engine inside the page, for tests and for a plain browser: same answers, same bytes, no Tauri. Set `silent` to see
 * what happens when it is no longer heard.
 */
import type { DrillRow } from '../bindings/DrillRow';
import type { ExportRequest } from '../bindings/ExportRequest';
import type { ExportUpdate } from '../bindings/ExportUpdate';
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
import type { PushBody } from '../bindings/PushBody';
import type { SeriesRow } from '../bindings/SeriesRow';
import type { StarterRow } from '../bindings/StarterRow';
import type { Status } from '../bindings/Status';
import type { Timeline } from '../bindings/Timeline';
import type { Backend } from './backend';
import { encodeFrame } from './encode';
import { FakeDrills } from './fake-drills';
import { FakeIntegrity } from './fake-integrity';
import { check, FakeProfiles, LEARNED, NO_PINS } from './fake-profile';
import { failure, feedRow, FakeWorld, hash } from './fake-world';

const CONFIG = '/home/operator/.config/feedwatch/feedwatch.toml';
const STATUS_MS = 500;

export interface FakeParts {
  seed?: number;
  extraSeries?: number;
  now?: () => number;
}

export class FakeBackend implements Backend {
  readonly world: FakeWorld;
  /** Answers nothing any more, as an engine that hangs. */
  silent = false;
  /** What was asked of it, for tests. */
  readonly calls: string[] = [];
  /** Every feed that was to be added. */
  readonly added: NewFeed[] = [];
  private readonly now: () => number;
  private onPush: ((push: Push) => void) | null = null;
  private pushed = 0;
  private timer: ReturnType<typeof setInterval> | null = null;
  private revision = 1;
  private notifications = true;
  private nextId = 1;
  private readonly stopped = new Set<number>();
  private readonly drilled: FakeDrills;
  private readonly checked: FakeIntegrity;
  private readonly profiles: FakeProfiles;
  private readonly looks = new Map<number, { feed: NewFeed; messages: number }>();
  private removed: { name: string; undo: () => void }[] = [];

  constructor(parts: FakeParts = {}) {
    this.now = parts.now ?? Date.now;
    this.world = new FakeWorld(parts.seed ?? 7, parts.extraSeries ?? 0, this.now());
    this.checked = new FakeIntegrity(this.world);
    this.profiles = new FakeProfiles(this.world);
    this.drilled = new FakeDrills(this.world, this.now, (notice) => {
      this.pushFeeds();
      if (notice !== undefined) this.push({ type: 'notice', ...notice });
    });
  }

  private async asked(call: string): Promise<void> {
    this.calls.push(call);
    if (this.silent) await new Promise<never>(() => undefined);
  }

  async subscribe(onPush: (push: Push) => void): Promise<void> {
    await this.asked('subscribe');
    this.onPush = onPush;
    this.pushed = 0;
    this.push({ type: 'snapshot', status: this.status() });
    this.pushFeeds();
    for (const alarm of this.world.alarms) this.push({ type: 'alarm', alarm });
    for (const finding of this.world.findings) this.push({ type: 'finding', finding });
    this.push({ type: 'ready' });
    this.timer ??= setInterval(() => this.beat(), STATUS_MS);
  }

  /** Pushes a message; tests push their own. */
  push(body: PushBody): void {
    const number = this.pushed++;
    if (!this.silent) this.onPush?.({ number, body });
  }

  /** A push that never arrives. */
  losePush(): void {
    this.pushed++;
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private beat(): void {
    this.push({ type: 'status', status: this.status() });
    for (const feed of this.world.feeds) {
      const wobble = 1 + 0.02 * (hash(this.world.seed, feed.id, this.pushed) - 0.5);
      const came = Math.round((feed.rate * wobble * STATUS_MS) / 1000);
      feed.accounts = {
        ...feed.accounts,
        received: feed.accounts.received + came,
        stored: feed.accounts.stored + came
      };
      feed.lines = feed.lines.map((line) =>
        line.state === 'up' ? { ...line, received: line.received + came, first: line.first + came } : line
      );
      if (feed.name === 'fleet') {
        const silent = Math.round((this.now() - (feed.last_message_ms ?? 0)) / 1000);
        feed.state_text = `silent ${silent} s, usual 0.2 s`;
      } else feed.last_message_ms = this.now();
    }
    this.pushFeeds();
  }

  private pushFeeds(): void {
    const { feeds } = this.world;
    for (let offset = 0; offset < Math.max(1, feeds.length); offset += 4) {
      // Rows of their own, as if they had come over a wire.
      const rows = feeds.slice(offset, offset + 4).map((row) => ({ ...row }));
      this.push({ type: 'feeds', offset, total: feeds.length, rows });
    }
  }

  status(): Status {
    const accounts = {
      received: 0,
      stored: 0,
      dropped: 0,
      duplicate: 0,
      rejected: 0,
      in_flight: 0,
      left_out: 0,
      bytes: 0,
      wire_bytes: 0
    };
    for (const feed of this.world.feeds) {
      for (const key of Object.keys(accounts) as (keyof typeof accounts)[])
        accounts[key] += feed.accounts[key] ?? 0;
    }
    return {
      now_ms: this.now(),
      demo: true,
      config_path: CONFIG,
      messages_per_second: this.world.feeds.reduce((sum, feed) => sum + feed.rate, 0),
      lost: 0,
      accounts,
      series_revision: this.revision,
      history: { keeping: true, problem: null, bytes: 2.1e9, samples: 0.94e9, not_kept: 0 },
      cpu_percent: 4,
      memory_bytes: 96e6,
      notifications: this.notifications ? 'ok' : 'info',
      notifications_text: this.notifications ? 'Notifications on' : 'Notifications off',
      checked_until_ms: this.now()
    };
  }

  async frame(request: FrameRequest): Promise<ArrayBuffer> {
    await this.asked('frame');
    const nowMs = this.now();
    const toMs = request.until_ms ?? nowMs;
    const fromMs = toMs - request.span_ms;
    const panels = request.panels.map(({ series, columns, cursor }) =>
      this.world.panel(series, fromMs, toMs, columns, cursor)
    );
    return encodeFrame({ nowMs, fromMs, toMs, panels });
  }

  async series(): Promise<SeriesRow[]> {
    await this.asked('series');
    return this.world.series.map(({ id, feed, name, unit, kind }) => ({ id, feed, name, unit, kind }));
  }

  async acknowledge(ids: number[], note: string | null): Promise<void> {
    await this.asked(`acknowledge ${ids.join(',')} ${note}`);
    this.world.alarms = this.world.alarms.map((alarm) => {
      if (!ids.includes(alarm.id)) return alarm;
      const state = alarm.cleared_ms === null ? 'acknowledged' : 'normal';
      const changed = { ...alarm, state, acknowledged_ms: this.now() };
      this.push({ type: 'alarm', alarm: changed });
      return changed;
    });
  }

  async timeline(fromMs: number, toMs: number, slots: number): Promise<Timeline> {
    await this.asked('timeline');
    const slot = (toMs - fromMs) / slots;
    const density = Array.from({ length: slots }, (_, i) => {
      const at = Math.round((fromMs + i * slot) / slot);
      if (fromMs + i * slot > this.now()) return 0;
      return Math.round(9000 * (0.35 + Math.abs(Math.sin(at / 30))) + 4000 * hash(1, at, 2));
    });
    const past = [0.12, 0.31, 0.315, 0.52, 0.7, 0.93].map((share, i) => ({
      at_ms: this.world.bornMs - 86_400_000 * (1 - share),
      level: (['info', 'warning', 'warning', 'info', 'critical', 'warning'] as const)[i]!,
      text: [
        'Schema changed',
        'Failed over',
        'Came back',
        'A field appeared',
        'No message for 3 min',
        'Flat for 6 min'
      ][i]!,
      series: null
    }));
    const alarms = this.world.alarms.map(({ raised_ms, level, title, series }) => ({
      at_ms: raised_ms,
      level,
      text: title,
      series
    }));
    return { from_ms: fromMs, to_ms: toMs, density, events: [...past, ...alarms] };
  }

  async integrity(request: IntegrityRequest): Promise<IntegrityView> {
    await this.asked(`integrity ${JSON.stringify(request)}`);
    return this.checked.view(request);
  }

  async messages(request: MessagesRequest): Promise<MessagesView> {
    await this.asked(`messages ${JSON.stringify(request)}`);
    return this.checked.messages(request);
  }

  starters(): Promise<StarterRow[]> {
    const plain = { about: 'A feed to begin with.', subscribe: [], pins: NO_PINS };
    return Promise.resolve([
      {
        ...plain,
        id: 'prometheus',
        title: 'Prometheus exporter',
        group: 'Metrics',
        address: 'poll+http://127.0.0.1:9100/metrics'
      },
      {
        ...plain,
        id: 'zigbee2mqtt',
        title: 'Zigbee2MQTT',
        group: 'Home',
        address: 'mqtt://127.0.0.1/zigbee2mqtt/#'
      },
      {
        id: 'kraken',
        title: 'Kraken',
        group: 'Exchanges',
        about: 'Trades of Kraken.',
        address: 'wss://ws.kraken.com/v2',
        subscribe: ['{"method":"subscribe"}'],
        pins: { ...NO_PINS, keys: LEARNED.keys, times: LEARNED.times }
      }
    ]);
  }

  async probeStart(feed: NewFeed, onUpdate: (update: ProbeUpdate) => void): Promise<number> {
    await this.asked(`probe_start ${feed.address}`);
    const id = this.nextId++;
    const name =
      feed.address
        .replace(/^\w+:\/\//, '')
        .replace(/\W+/g, '-')
        .slice(0, 24) || 'feed';
    const base: ProbeUpdate = {
      done: false,
      text: 'Connecting…',
      problem: null,
      suggested_name: name,
      protocol: feed.address.startsWith('http') ? 'poll' : null,
      messages: 0,
      first: [],
      learned: [],
      series: [],
      series_total: 0
    };
    onUpdate(base);
    const look = { feed, messages: 0 };
    this.looks.set(id, look);
    let step = 0;
    const timer = setInterval(() => {
      step++;
      if (this.stopped.has(id) || step > 8) return clearInterval(timer);
      if (feed.address.includes('refused')) {
        const problem = 'Nothing listens there: connection refused. Check host and port.';
        onUpdate({ ...base, done: true, text: 'No connection.', problem });
        return clearInterval(timer);
      }
      look.messages = step * 42;
      onUpdate(this.probeStep(base, step));
    }, 200);
    return id;
  }

  private probeStep(base: ProbeUpdate, step: number): ProbeUpdate {
    const first = [
      '{"type":"ticker","sequence":71200441,"product_id":"BTC-USD","price":"97204.10","time":"2026-01-05T14:32:07.120Z"}',
      '{"type":"ticker","sequence":71200442,"product_id":"ETH-USD","price":"3931.80","note":"<img src=x onerror=alert(1)>"}'
    ];
    return {
      ...base,
      done: step >= 8,
      text: `Connected. ${step * 42} messages so far.`,
      protocol: base.protocol ?? 'wss',
      messages: step * 42,
      first: first.slice(0, step),
      learned: [
        { label: 'Kinds of message', text: 'type: ticker, heartbeat' },
        { label: 'Event time', text: '/time, RFC 3339' },
        { label: 'Keys', text: '/product_id: BTC-USD, ETH-USD' },
        { label: 'Sequence', text: '/sequence, one by one per feed' }
      ],
      series: [
        { name: 'BTC-USD.price', unit: null, last: 97204.1, samples: step * 21 },
        { name: 'ETH-USD.price', unit: null, last: 3931.8, samples: step * 21 },
        { name: '<b>hostile</b>.size', unit: null, last: 0.0412, samples: step * 4 }
      ],
      series_total: 44
    };
  }

  async probeStop(id: number): Promise<void> {
    await this.asked(`probe_stop ${id}`);
    this.stopped.add(id);
  }

  async probeProfile(request: ProfileRequest): Promise<ProfileView> {
    await this.asked(`probe_profile ${request.feed}`);
    const look = this.looks.get(request.feed);
    if (look === undefined) throw failure('not_found', 'Nothing was looked at yet.', '');
    const starter = (await this.starters()).find(({ id }) => id === look.feed.starter);
    return this.profiles.looked(request, look.feed.pins ?? starter?.pins ?? null, look.messages);
  }

  async profile(request: ProfileRequest): Promise<ProfileView> {
    await this.asked(`profile ${request.feed} ${request.find}`);
    return this.profiles.view(request);
  }

  async checkProfile(pins: PinsRow): Promise<PinProblem[]> {
    await this.asked('check_profile');
    return check(pins);
  }

  async setProfile(name: string, pins: PinsRow): Promise<FeedChange> {
    await this.asked(`set_profile ${name} ${JSON.stringify(pins)}`);
    return this.change(name, this.profiles.set(name, pins));
  }

  async addFeed(feed: NewFeed): Promise<FeedChange> {
    await this.asked(`add_feed ${feed.address}`);
    this.added.push(feed);
    const { feeds } = this.world;
    if (feeds.some((row) => row.name === feed.name))
      throw failure('config', `There is a feed ${feed.name} already.`, 'Give it another name.');
    const id = Math.max(0, ...feeds.map((row) => row.id));
    feeds.push(feedRow(id, [feed.name, feed.title || feed.name, 'wss', 42, 9, 'complete'], this.now()));
    this.pushFeeds();
    return this.change(feed.name, () =>
      feeds.splice(
        feeds.findIndex((row) => row.name === feed.name),
        1
      )
    );
  }

  async removeFeed(name: string): Promise<FeedChange> {
    await this.asked(`remove_feed ${name}`);
    const { feeds } = this.world;
    const at = feeds.findIndex((row) => row.name === name);
    const row = feeds[at];
    if (row === undefined) throw failure('not_found', `There is no feed ${name}.`, '');
    feeds.splice(at, 1);
    this.pushFeeds();
    return this.change(name, () => feeds.splice(at, 0, row));
  }

  private change(name: string, undo: () => void): FeedChange {
    this.removed.push({ name, undo });
    return { name, config_path: CONFIG, undo: String(this.removed.length - 1) };
  }

  async undoFeedChange(undo: string): Promise<void> {
    await this.asked(`undo_feed_change ${undo}`);
    const change = this.removed[Number(undo)];
    if (change === undefined) throw failure('not_found', 'That cannot be taken back any more.', '');
    change.undo();
    this.pushFeeds();
  }

  async drill(feed: string): Promise<DrillRow> {
    await this.asked(`drill ${feed}`);
    return this.drilled.run(feed);
  }

  async drills(feed: string): Promise<DrillRow[]> {
    await this.asked(`drills ${feed}`);
    return this.drilled.of(feed);
  }

  async exportCsv(request: ExportRequest, onUpdate: (update: ExportUpdate) => void): Promise<number> {
    await this.asked(`export_csv ${JSON.stringify(request)}`);
    const id = this.nextId++;
    let rows = 0;
    const timer = setInterval(() => {
      rows += 41_208;
      const cancelled = this.stopped.has(id);
      const done = cancelled || rows > 400_000;
      if (done) clearInterval(timer);
      const path = done && !cancelled ? '/home/operator/feedwatch.csv' : null;
      onUpdate({ id, rows, fraction: Math.min(1, rows / 412_080), done, cancelled, path, problem: null });
    }, 120);
    return id;
  }

  async cancelExport(id: number): Promise<void> {
    await this.asked(`cancel_export ${id}`);
    this.stopped.add(id);
  }

  async savePicture(request: PictureRequest): Promise<string | null> {
    await this.asked(`save_picture ${request.series} ${request.format} ${request.theme}`);
    return `/home/operator/chart.${request.format}`;
  }

  async setNotifications(on: boolean): Promise<void> {
    await this.asked(`set_notifications ${on}`);
    this.notifications = on;
    this.push({ type: 'status', status: this.status() });
  }

  async pageError(text: string): Promise<void> {
    this.calls.push(`page_error ${text}`);
  }
}
