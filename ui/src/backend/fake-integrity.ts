/**
 * What the fake engine checked. Every check fails in one of four feeds in turn, has healed in the next, is quiet in the
 * third and cannot be judged in the fourth; feeds that were added have nothing judged yet.
 */
import type { CheckRow } from '../bindings/CheckRow';
import type { FeedRow } from '../bindings/FeedRow';
import type { FindingRow } from '../bindings/FindingRow';
import type { IntegrityRequest } from '../bindings/IntegrityRequest';
import type { IntegrityView } from '../bindings/IntegrityView';
import type { LedgerColumn } from '../bindings/LedgerColumn';
import type { Level } from '../bindings/Level';
import type { MessageRow } from '../bindings/MessageRow';
import type { MessagesRequest } from '../bindings/MessagesRequest';
import type { MessagesView } from '../bindings/MessagesView';
import type { ScoreRow } from '../bindings/ScoreRow';
import { CHECKS, SCORES, type FakeCheck } from './fake-checks';
import { failure, type FakeWorld } from './fake-world';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * MINUTE_MS);
const FINDINGS_SHOWN = 500;
const MESSAGES_SHOWN = 41;
/** Raw messages older than this are forgotten. */
const MESSAGES_KEPT_MS = DAY_MS;
/** What an unreadable stretch has, so that not all findings fit an answer. */
const BURST = 640;
const RANK: Record<Level, number> = { ok: 0, info: 1, warning: 2, critical: 3 };

type State = 'failing' | 'healed' | 'quiet' | 'not judged';
const STATES: readonly State[] = ['failing', 'healed', 'quiet', 'not judged'];

/** How long ago a check found something, and whether that told that it is over. */
const FOUND: Record<State, readonly (readonly [agoMs: number, over: boolean])[]> = {
  failing: [
    [20_000, false],
    [4 * MINUTE_MS, false],
    [31 * MINUTE_MS, false],
    [5 * HOUR_MS, false],
    [50 * HOUR_MS, false]
  ],
  healed: [
    [12 * MINUTE_MS - 2100, true],
    [12 * MINUTE_MS, false],
    [9 * HOUR_MS, false]
  ],
  quiet: [],
  'not judged': []
};

export class FakeIntegrity {
  private readonly found = new Map<number, FindingRow[]>();

  constructor(private readonly world: FakeWorld) {}

  view({ feed: id, from_ms, to_ms, columns }: IntegrityRequest): IntegrityView {
    const feed = this.feed(id);
    const step = STEPS_MS.find((ms) => (to_ms - from_ms) / ms <= columns) ?? DAY_MS;
    const from = Math.floor(from_ms / step) * step;
    const slots = Math.max(1, Math.ceil((to_ms - from) / step));
    const findings = this.findings(feed).filter(({ at_ms }) => at_ms >= from && at_ms < to_ms);
    const checks = CHECKS.map((check) =>
      checkRow(check, stateOf(check, id), findings, { from, step, slots })
    );
    const young = id > STATES.length * 2 - 1;
    return {
      feed: id,
      feed_title: feed.title,
      from_ms: from,
      step_ms: step,
      scores: SCORES.map((score) => scoreRow(score, checks)),
      checks,
      columns: Array.from({ length: slots }, (_, i) => this.ledger(feed, from + i * step, step, to_ms)),
      findings: findings.slice(0, FINDINGS_SHOWN),
      more_findings: Math.max(0, findings.length - FINDINGS_SHOWN),
      rules: young
        ? []
        : CHECKS.filter((check) => stateOf(check, id) !== 'not judged').map(({ rule }) => rule),
      note: young
        ? 'The feed is being learned: checks begin when its rules have held on enough messages.'
        : ''
    };
  }

  private feed(id: number): FeedRow {
    const feed = this.world.feeds.find((row) => row.id === id);
    if (feed === undefined)
      throw failure('not_found', 'There is no such feed any more.', 'Choose another one.');
    return feed;
  }

  /** The latest first. */
  private findings(feed: FeedRow): FindingRow[] {
    let rows = this.found.get(feed.id);
    if (rows === undefined) {
      rows = CHECKS.flatMap((check) => this.findingsOf(check, feed)).sort((a, b) => b.at_ms - a.at_ms);
      rows.forEach((row, i) => (row.number = rows!.length - i));
      this.found.set(feed.id, rows);
    }
    return rows;
  }

  private findingsOf(check: FakeCheck, feed: FeedRow): FindingRow[] {
    const state = stateOf(check, feed.id);
    const row = (agoMs: number, over: boolean, i: number): FindingRow => ({
      number: 0,
      feed: feed.id,
      feed_title: feed.title,
      series: null,
      series_name: null,
      check: check.check,
      kind: over ? check.over : check.kind,
      level: over ? 'info' : check.level,
      at_ms: this.world.bornMs - agoMs - CHECKS.indexOf(check) * 700 - i,
      message: check.shown ? Math.max(0, 9_000_000 - Math.round(agoMs / 10)) : null,
      text: over ? check.overText : check.text
    });
    const rows = FOUND[state].map(([agoMs, over], i) => row(agoMs, over, i));
    if (check.check !== 'decode' || state !== 'failing') return rows;
    return [
      ...rows,
      ...Array.from({ length: BURST }, (_, i) => row(40 * MINUTE_MS - i * (MINUTE_MS / BURST), false, i))
    ];
  }

  private ledger(feed: FeedRow, from: number, step: number, to: number): LedgerColumn {
    const found = this.findings(feed).filter(({ at_ms }) => at_ms >= from && at_ms < from + step);
    const of = (check: string, kind?: string): number =>
      found.filter((row) => row.check === check && (kind === undefined || row.kind === kind)).length;
    const seconds = Math.max(0, Math.min(to, from + step) - from) / 1000;
    const expected = Math.round(feed.rate * seconds * (0.8 + 0.2 * Math.abs(Math.sin(from / (7 * HOUR_MS)))));
    const missing = 3 * of('sequence', 'gap');
    const filled = Math.min(missing, 3 * of('sequence', 'healed'));
    const received = Math.max(0, expected - missing + filled);
    return {
      expected,
      received,
      missing,
      filled,
      duplicate: of('duplicate'),
      late: of('lateness') + of('order'),
      rejected: of('decode'),
      bytes: received * 275
    };
  }

  messages({ feed, at_ms, number }: MessagesRequest): MessagesView {
    this.feed(feed);
    if (at_ms < this.world.bornMs - MESSAGES_KEPT_MS) {
      const note = 'These messages were forgotten: raw messages of a feed are kept up to 64 MiB.';
      return { messages: [], focus: null, note };
    }
    const middle = number ?? Math.max(0, 9_000_000 - Math.round((this.world.bornMs - at_ms) / 10));
    const first = Math.max(0, middle - (MESSAGES_SHOWN - 1) / 2);
    const messages = Array.from({ length: MESSAGES_SHOWN }, (_, i) => message(first + i, middle, at_ms));
    return { messages, focus: number === null ? null : middle - first, note: '' };
  }
}

function stateOf(check: FakeCheck, feed: number): State {
  if (feed > STATES.length * 2 - 1) return 'not judged';
  return STATES[(CHECKS.indexOf(check) + feed) % STATES.length]!;
}

interface Slots {
  from: number;
  step: number;
  slots: number;
}

function checkRow(
  check: FakeCheck,
  state: State,
  findings: FindingRow[],
  { from, step, slots }: Slots
): CheckRow {
  const counts = Array.from({ length: slots }, () => 0);
  const levels = Array.from({ length: slots }, (): Level => 'ok');
  for (const { check: word, at_ms, level } of findings) {
    const slot = Math.floor((at_ms - from) / step);
    if (word !== check.check || slot >= slots) continue;
    counts[slot] = (counts[slot] ?? 0) + 1;
    if (RANK[level] > RANK[levels[slot]!]) levels[slot] = level;
  }
  const words: Record<State, string> = {
    failing: check.failing,
    healed: check.overText,
    quiet: 'All is well.',
    'not judged': check.why
  };
  return {
    check: check.check,
    title: check.title,
    score: check.score,
    judged: state !== 'not judged',
    state: words[state],
    level: state === 'failing' ? check.level : 'ok',
    counts,
    levels
  };
}

function scoreRow(score: (typeof SCORES)[number], checks: CheckRow[]): ScoreRow {
  const mine = checks.filter((row) => row.score === score.name && row.judged);
  if (mine.length === 0) return { name: score.name, percent: null, text: score.unknown, level: 'ok' };
  const worst = mine.reduce(
    (level, row) => (RANK[row.level] > RANK[level] ? row.level : level),
    'ok' as Level
  );
  const bad = worst !== 'ok';
  return {
    name: score.name,
    percent: bad ? score.percent : 100,
    text: bad ? score.failing : score.well,
    level: worst
  };
}

function message(number: number, middle: number, atMs: number): MessageRow {
  const at = atMs + (number - middle) * 10;
  const outcome =
    number === middle + 3
      ? 'rejected'
      : number === middle + 6
        ? 'duplicate'
        : number === middle - 4
          ? 'late'
          : 'read';
  const whole = JSON.stringify(
    {
      type: 'ticker',
      sequence: number,
      product_id: 'ETH-USD',
      price: '3931.80',
      note: '<img src=x onerror=alert(1)>',
      time: new Date(at).toISOString()
    },
    null,
    number === middle ? 2 : 0
  );
  const text = outcome === 'rejected' ? whole.slice(0, 61) : whole;
  return {
    number,
    at_ms: at,
    topic: number % 2 === 0 ? 'ticker/ETH-USD' : null,
    outcome,
    reason: outcome === 'rejected' ? 'Not JSON: a string has no end, from byte 54 on.' : null,
    text,
    bytes: text.length,
    cut: false
  };
}
