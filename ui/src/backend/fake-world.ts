/**
 * A made-up world for the fake engine: what each series was at any moment follows from the seed and the time alone, so
 * that history needs no memory.
 */
import type { AlarmRow } from '../bindings/AlarmRow';
import type { Failure } from '../bindings/Failure';
import type { FeedRow } from '../bindings/FeedRow';
import type { FindingRow } from '../bindings/FindingRow';
import type { LineRow } from '../bindings/LineRow';
import type { SeriesRow } from '../bindings/SeriesRow';
import { emptyPanel } from './encode';
import { RESET, type PanelFrame } from './frame';

const CELL_MS = 100;
const CLOSED = 'The server closed the connection (1006).';

export interface FakeSeries extends SeriesRow {
  base: number;
  swing: number;
  /** Distance of its samples. */
  everyMs: number;
  /** From when on it sends nothing; `Infinity`: it sends. */
  endsMs: number;
  /** A jump, and by how much. */
  jumpMs: number;
  jump: number;
  lostMs: number[];
  outages: [from: number, to: number, cause: number][];
  digits: number;
}

const FEEDS = [
  ['spot', 'Spot prices', 'wss', 8912, 12, 'complete'],
  ['orders', 'Order book', 'wss', 3204, null, '3 gaps, 412 lost'],
  ['plant', 'Plant floor', 'mqtt 5', 214, 8, 'complete'],
  ['wiki', 'Wiki edits', 'sse', 31, 140, 'complete'],
  ['fleet', 'Fleet telemetry', 'kafka', 0, null, 'complete'],
  ['payments', 'Payments', 'amqp', 97, 5, 'signed, complete'],
  ['gateway', 'Gateway health', 'nats', 22, 2, 'complete']
] as const;

const SERIES: readonly (readonly [
  feed: number,
  name: string,
  base: number,
  swing: number,
  digits: number,
  unit: string | null
])[] = [
  [1, 'ETH-USD.price', 3905, 9, 2, null],
  [1, 'ETH-USD.spread', 1.71, 0.18, 2, null],
  [1, 'BTC-USD.price', 97204, 240, 2, null],
  [1, 'BTC-USD.last_size', 0.0412, 0.012, 4, null],
  [1, 'SOL-USD.price', 231.8, 0.6, 2, null],
  [1, 'messages per second', 8912, 22, 0, '/s'],
  [2, 'bids.depth', 412, 30, 0, null],
  [2, 'asks.depth', 398, 28, 0, null],
  [3, 'press-1.temp', 71.2, 0.8, 1, '°C'],
  [3, 'press-2.temp', 69.8, 0.7, 1, '°C'],
  [3, 'press-3.temp', 70.5, 0.9, 1, '°C'],
  [3, 'press-4.temp', 72.1, 0.6, 1, '°C'],
  [3, 'press-1.pressure', 5.21, 0.04, 3, 'bar'],
  [3, 'press-2.pressure', 5.18, 0.05, 3, 'bar'],
  [3, 'line-1.rate', 118, 6, 0, '/min'],
  [3, 'line-2.rate', 121, 7, 0, '/min'],
  [4, 'edits per second', 31, 6, 0, '/s'],
  [4, 'length.delta', 240, 160, 0, 'B'],
  [5, 'truck-17.speed', 82, 7, 1, 'km/h'],
  [5, 'truck-17.fuel', 61.4, 0.3, 1, '%'],
  [6, 'amount', 48.2, 11, 2, 'EUR'],
  [6, 'approvals', 0.981, 0.006, 3, null],
  [7, 'cpu', 34, 6, 1, '%'],
  [7, 'latency', 1.84, 0.3, 2, 'ms'],
  [7, 'open connections', 1204, 14, 0, null],
  [7, 'errors', 0.4, 0.2, 2, '/s']
];

/** A number in 0 to 1 that follows from three others. */
export function hash(seed: number, a: number, b: number): number {
  let h = Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(a | 0, 0x85ebca6b) ^ Math.imul(b | 0, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 4294967296;
}

export class FakeWorld {
  readonly feeds: FeedRow[];
  readonly series: FakeSeries[];
  alarms: AlarmRow[];
  findings: FindingRow[];
  private buckets = 0;

  constructor(
    readonly seed: number,
    extraSeries: number,
    readonly bornMs: number
  ) {
    this.feeds = FEEDS.map((row, i) => feedRow(i, row, bornMs));
    this.series = SERIES.map((row, i) => seriesOf(i, row));
    for (let i = 0; i < extraSeries; i++) {
      this.series.push(seriesOf(this.series.length, [(i % 7) + 1, `unit-${i}.level`, 50 + i, 4, 1, null]));
    }
    this.shape();
    this.alarms = alarmsAt(bornMs);
    this.findings = findingsAt(bornMs);
  }

  private shape(): void {
    const [eth, spread, btc] = this.series;
    Object.assign(eth!, { jumpMs: this.bornMs - 12_000, jump: 27 });
    Object.assign(spread!, { jumpMs: this.bornMs - 12_000, jump: 0.62 });
    btc!.lostMs.push(this.bornMs - 70_000);
    for (const row of this.series) {
      if (row.feed === 2) row.outages.push([this.bornMs - 150_000, this.bornMs - 118_000, 0]);
      if (row.feed === 5) row.endsMs = this.bornMs - 48_000;
    }
  }

  /** What is expected at a moment. */
  middle(row: FakeSeries, ms: number): number {
    const phase = hash(this.seed, row.id, 1) * 6.28;
    const slow = Math.sin(ms / (38_000 + 9000 * hash(this.seed, row.id, 2)) + phase);
    const quick = Math.sin(ms / 7100 + phase * 2);
    return row.base + row.swing * (0.8 * slow + 0.16 * quick);
  }

  value(row: FakeSeries, ms: number): number {
    const cell = Math.floor(ms / row.everyMs);
    const quick = hash(this.seed, row.id * 7919 + 13, cell) - 0.5;
    const slow = hash(this.seed, row.id, cell >> 3) - 0.5;
    const noise = 0.45 * quick + 0.8 * slow;
    const risen = Math.min(1, Math.max(0, (ms - row.jumpMs) / 1500)) * row.jump;
    const scale = 10 ** row.digits;
    return Math.round((this.middle(row, ms) + noise * row.swing * 0.32 + risen) * scale) / scale;
  }

  /** One panel of a frame; the cursor is the start of the bucket that still grows. */
  panel(seriesId: number, fromMs: number, toMs: number, columns: number, cursor: number | null): PanelFrame {
    const row = this.series.find((candidate) => candidate.id === seriesId);
    const panel = emptyPanel(seriesId);
    if (row === undefined) return { ...panel, flags: 4 };
    const bucketMs = Math.max(CELL_MS, Math.ceil((toMs - fromMs) / columns / CELL_MS) * CELL_MS);
    const first = Math.floor((cursor ?? fromMs) / bucketMs) * bucketMs;
    const starts: number[] = [];
    const columnsOf: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let start = first; start <= toMs; start += bucketMs)
      this.bucket(row, start, bucketMs, toMs, starts, columnsOf);
    const lastMs = Math.min(toMs, row.endsMs);
    const [min, max, low, high] = columnsOf.map((part) => Float64Array.from(part));
    const gaps = this.gaps(row, fromMs, toMs);
    const marked = row.jumpMs > fromMs && row.jumpMs < toMs;
    return {
      ...panel,
      flags: cursor === null ? RESET : 0,
      level: this.alarms.some((alarm) => alarm.series === row.id && alarm.cleared_ms === null) ? 2 : 0,
      bucketMs,
      cursor: Math.floor(toMs / bucketMs) * bucketMs,
      last: this.value(row, lastMs),
      lastMs,
      starts: Float64Array.from(starts),
      min: min!,
      max: max!,
      low: low!,
      high: high!,
      gapFrom: Float64Array.from(gaps, (gap) => gap[0]),
      gapTo: Float64Array.from(gaps, (gap) => gap[1]),
      gapCause: Uint32Array.from(gaps, (gap) => gap[2]),
      markMs: Float64Array.from(marked ? [row.jumpMs + 900] : []),
      markValue: Float64Array.from(marked ? [this.value(row, row.jumpMs + 900)] : []),
      markLevel: Uint32Array.from(marked ? [2] : [])
    };
  }

  private bucket(
    row: FakeSeries,
    start: number,
    bucketMs: number,
    toMs: number,
    starts: number[],
    into: [number[], number[], number[], number[]]
  ): void {
    const steps = Math.min(6, Math.max(1, Math.floor(bucketMs / row.everyMs)));
    let min = Infinity;
    let max = -Infinity;
    for (let k = 0; k < steps; k++) {
      const at = Math.ceil((start + (k * bucketMs) / steps) / row.everyMs) * row.everyMs;
      if (at >= start + bucketMs || at > toMs || at > row.endsMs) continue;
      if (row.outages.some(([from, to]) => at >= from && at <= to)) continue;
      const value = this.value(row, at);
      if (value < min) min = value;
      if (value > max) max = value;
    }
    if (min > max) return;
    this.buckets++;
    const middle = this.middle(row, start + bucketMs / 2);
    starts.push(start);
    into[0].push(min);
    into[1].push(max);
    into[2].push(middle - row.swing * 0.42);
    into[3].push(middle + row.swing * 0.42);
  }

  private gaps(row: FakeSeries, fromMs: number, toMs: number): [number, number, number][] {
    const lost = row.lostMs.map((at): [number, number, number] => [at, at, 3]);
    return [...row.outages, ...lost]
      .filter(([from, to]) => to >= fromMs && from <= toMs)
      .sort((a, b) => a[0] - b[0]);
  }
}

function seriesOf(i: number, row: (typeof SERIES)[number]): FakeSeries {
  const [feed, name, base, swing, digits, unit] = row;
  return {
    id: i + 1,
    feed,
    name,
    unit,
    kind: 'gauge',
    base,
    swing,
    everyMs: feed === 3 ? 500 : 200,
    endsMs: Infinity,
    jumpMs: Infinity,
    jump: 0,
    lostMs: [],
    outages: [],
    digits
  };
}

export function feedRow(
  i: number,
  row: (typeof FEEDS)[number] | readonly [string, string, string, number, number | null, string],
  nowMs: number
): FeedRow {
  const [name, title, protocol, rate, latency, integrity] = row;
  const received = Math.round(rate * 4200 + 1200);
  const silent = name === 'fleet';
  const backup = name === 'orders';
  return {
    id: i + 1,
    name,
    title,
    protocol,
    address: `${protocol.split(' ')[0]}://${name}.example/feed`,
    state: silent ? 'silent' : 'live',
    level: silent ? 'critical' : backup ? 'warning' : 'ok',
    state_text: silent
      ? 'silent 48 s, usual 0.2 s'
      : backup
        ? `over backup, since preferred is down: ${CLOSED}`
        : null,
    rate,
    latency_ms: latency,
    integrity: backup ? 'warning' : 'ok',
    integrity_text: integrity,
    accounts: {
      received,
      stored: received - 14,
      dropped: 0,
      duplicate: 2,
      rejected: 1,
      in_flight: 11,
      left_out: 0,
      bytes: received * 275,
      wire_bytes: received * 61
    },
    series: 1,
    last_message_ms: silent ? nowMs - 48_000 : nowMs,
    receive_time: false,
    traffic: rate > 0 ? '412 kB/s on the wire, 1.9 MB/s of payload: 78 % saved by compression' : null,
    thinned: null,
    lines: linesOf(name, received)
  };
}

/** Two feeds have a second endpoint: of one it stands by, the other has failed over to it. */
function linesOf(feed: string, received: number): LineRow[] {
  const line = (name: string, state: string, count: number, part: Partial<LineRow> = {}): LineRow => ({
    name,
    address: `wss://${name === 'preferred' ? feed : `${feed}-${name}`}.example/feed`,
    state,
    reason: null,
    received: count,
    first: count,
    missed: 0,
    ...part
  });
  if (feed === 'spot') return [line('preferred', 'up', received), line('tokyo', 'standby', 0)];
  if (feed !== 'orders') return [];
  const before = Math.round(received * 0.8);
  return [
    line('preferred', 'down', before, { reason: CLOSED, missed: 3 }),
    line('backup', 'up', received - before)
  ];
}

export function failure(code: string, message: string, cure: string): Failure {
  return { code, message, cure };
}

function alarmsAt(now: number): AlarmRow[] {
  const common = {
    state: 'unacknowledged',
    cleared_ms: null,
    acknowledged_ms: null,
    last_seen_ms: now,
    findings: 1
  };
  return [
    {
      ...common,
      id: 11,
      feed: 5,
      feed_title: 'Fleet telemetry',
      series: null,
      series_name: null,
      level: 'critical',
      check: 'staleness',
      kind: 'silence',
      title: 'No message for 48 s',
      text: 'It usually sends every 0.2 s, at most every 1.1 s. The connection is open: the publisher stopped.',
      raised_ms: now - 48_000
    },
    {
      ...common,
      id: 12,
      feed: 1,
      feed_title: 'Spot prices',
      series: 1,
      series_name: 'ETH-USD.price',
      level: 'warning',
      check: 'residual',
      kind: 'level_shift',
      title: 'Jumped to 3,931.80, expected 3,894 to 3,911',
      text: 'About once in 3 weeks for this series. Spread widened at the same moment.',
      raised_ms: now - 12_000,
      findings: 3
    },
    {
      ...common,
      id: 13,
      feed: 1,
      feed_title: 'Spot prices',
      series: 2,
      series_name: 'ETH-USD.spread',
      level: 'warning',
      state: 'acknowledged',
      acknowledged_ms: now - 4000,
      check: 'residual',
      kind: 'new_extreme',
      title: 'Rose to 2.31, expected 1.62 to 1.93',
      text: 'Price jumped at the same moment.',
      raised_ms: now - 11_500
    },
    {
      ...common,
      id: 9,
      feed: 3,
      feed_title: 'Plant floor',
      series: 12,
      series_name: 'press-4.temp',
      level: 'warning',
      state: 'normal',
      check: 'residual',
      kind: 'stall',
      title: 'Flat for 6 min',
      text: '',
      raised_ms: now - 3_960_000,
      last_seen_ms: now - 3_600_000,
      cleared_ms: now - 3_600_000
    }
  ];
}

function findingsAt(now: number): FindingRow[] {
  return [
    {
      number: 1,
      feed: 4,
      feed_title: 'Wiki edits',
      series: null,
      series_name: null,
      check: 'shape',
      kind: 'field_appeared',
      level: 'info',
      at_ms: now - 1_140_000,
      message: null,
      text: 'performer.is_temp is in 4 of 31 messages per second. Nothing else changed.'
    },
    {
      number: 2,
      feed: 2,
      feed_title: 'Order book',
      series: null,
      series_name: null,
      check: 'sequence',
      kind: 'messages_lost',
      level: 'warning',
      at_ms: now - 118_000,
      message: null,
      text: '412 messages are missing after the connection came back (1006).'
    }
  ];
}
