/** Drills of the fake engine: a feed goes over to its other endpoint and returns, within a few seconds. */
import type { DrillRow } from '../bindings/DrillRow';
import type { FeedRow } from '../bindings/FeedRow';
import type { Level } from '../bindings/Level';
import type { LineRow } from '../bindings/LineRow';
import { failure, hash, type FakeWorld } from './fake-world';

const HOLD_MS = 2500;
const OVERLAP_MS = 1000;
const DAY_MS = 86_400_000;

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

export class FakeDrills {
  private readonly kept: Map<string, DrillRow[]>;
  private readonly running = new Set<string>();

  constructor(
    private readonly world: FakeWorld,
    private readonly now: () => number,
    private readonly changed: (notice?: { level: Level; text: string }) => void
  ) {
    this.kept = new Map([['orders', earlier(world.bornMs)]]);
  }

  /** The latest first. */
  of(name: string): DrillRow[] {
    this.feed(name);
    return [...(this.kept.get(name) ?? [])];
  }

  private feed(name: string): FeedRow {
    const feed = this.world.feeds.find((row) => row.name === name);
    if (feed === undefined)
      throw failure('not_found', `There is no feed named "${name}".`, 'Check the name.');
    return feed;
  }

  async run(name: string): Promise<DrillRow> {
    const feed = this.feed(name);
    if (this.running.has(name))
      throw failure('bad_request', 'A drill of this feed is under way.', 'Wait for its end.');
    if (feed.state !== 'live' && feed.state !== 'silent')
      throw failure(
        'connect',
        'The feed has no connection now, so there is nothing to cut. Try again when it is live.',
        ''
      );
    this.running.add(name);
    try {
      const from = feed.lines.find((line) => line.state === 'up')?.name ?? 'preferred';
      const other = feed.lines.find((line) => line.name !== from && ['up', 'standby'].includes(line.state));
      const row = await (other === undefined ? this.reconnect(feed, from) : this.failOver(feed, from, other));
      this.kept.set(name, [row, ...(this.kept.get(name) ?? [])]);
      this.changed({ level: row.passed ? 'info' : 'warning', text: `Drill of ${feed.title}: ${row.text}` });
      return row;
    } finally {
      this.running.delete(name);
    }
  }

  private async failOver(feed: FeedRow, from: string, other: LineRow): Promise<DrillRow> {
    const at = this.now();
    const { name: to, state } = other;
    const to_first_message_ms = Math.round(120 + 300 * hash(this.world.seed, at, 5));
    const to_return_ms = Math.round(60 + 200 * hash(this.world.seed, at, 6));
    this.line(feed, from, 'standby');
    if (state !== 'up') this.line(feed, to, 'connecting');
    await wait(to_first_message_ms);
    this.line(feed, to, 'up');
    await wait(HOLD_MS);
    this.line(feed, from, 'connecting');
    await wait(to_return_ms);
    this.line(feed, from, 'up');
    await wait(OVERLAP_MS);
    this.line(feed, to, state);
    const repeated = Math.round((feed.rate * OVERLAP_MS) / 1000);
    return measured({ at_ms: at, from, to, to_first_message_ms, lost: 0, filled: 3, repeated, to_return_ms });
  }

  /** Of a feed with one endpoint, or with none that could take over. */
  private async reconnect(feed: FeedRow, from: string): Promise<DrillRow> {
    const at = this.now();
    const { state, level, state_text } = feed;
    const to_first_message_ms = Math.round(600 + 900 * hash(this.world.seed, at, 5));
    Object.assign(feed, { state: 'connecting', level: 'info', state_text: 'connecting' });
    this.line(feed, from, 'connecting');
    await wait(to_first_message_ms);
    Object.assign(feed, { state, level, state_text });
    this.line(feed, from, 'up');
    await wait(1500);
    const lost = Math.round((feed.rate * to_first_message_ms) / 1000);
    if (state === 'silent' || feed.lines.length > 1) {
      const nothing = { to: null, to_first_message_ms: null, filled: 0, repeated: 0, to_return_ms: null };
      return measured({ ...nothing, at_ms: at, from, lost });
    }
    return measured({
      at_ms: at,
      from,
      to: from,
      to_first_message_ms,
      lost,
      filled: 0,
      repeated: 0,
      to_return_ms: null
    });
  }

  private line(feed: FeedRow, name: string, state: string): void {
    feed.lines = feed.lines.map((line) => (line.name === name ? { ...line, state } : line));
    this.changed();
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** With the verdict and the sentence that follow from the figures, as the engine words them. */
function measured(row: Omit<DrillRow, 'passed' | 'text'>): DrillRow {
  const { from, to, to_first_message_ms: first, to_return_ms: back } = row;
  if (to === null || first === null)
    return { ...row, passed: false, text: `No message came within 30 s after ${from} was cut.` };
  const lost = row.lost === 0 ? 'nothing was lost' : `${row.lost} messages lost`;
  const returned =
    back !== null
      ? ` The feed returned to ${from} after ${seconds(back)}.`
      : to === from
        ? ''
        : ` ${from} brought nothing within 30 s after it was opened again.`;
  const over = to === from ? 'the same endpoint' : to;
  const text = `${from} was cut; the first message came over ${over} after ${seconds(first)}, ${lost}, ${row.filled} filled, ${row.repeated} repeated.${returned}`;
  return { ...row, passed: to === from || back !== null, text };
}

function earlier(bornMs: number): DrillRow[] {
  const part = { from: 'preferred', to: 'backup', filled: 0, repeated: 2907 };
  return [
    { ...part, at_ms: bornMs - 2 * DAY_MS, to_first_message_ms: 310, lost: 0, to_return_ms: 140 },
    { ...part, at_ms: bornMs - 9 * DAY_MS, to_first_message_ms: 1840, lost: 412, to_return_ms: null },
    {
      ...part,
      at_ms: bornMs - 16 * DAY_MS,
      to_first_message_ms: null,
      to: null,
      lost: null,
      to_return_ms: null
    }
  ].map(measured);
}
