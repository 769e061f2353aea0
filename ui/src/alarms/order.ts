/** Which alarms need a person, in which order things stand, and which findings an alarm already tells. */
import type { AlarmRow } from '../bindings/AlarmRow';
import type { FindingRow } from '../bindings/FindingRow';
import type { Level } from '../bindings/Level';
import { clockTime, formatLength } from '../charts/format';

const RANK: Record<Level, number> = { ok: 0, info: 1, warning: 2, critical: 3 };

export function rank(level: Level): number {
  return RANK[level];
}

export function worst(levels: Iterable<Level>): Level {
  let result: Level = 'ok';
  for (const level of levels) if (RANK[level] > RANK[result]) result = level;
  return result;
}

/** `returned`: it is over, but nobody has seen it yet. */
export function needsPerson(alarm: AlarmRow): boolean {
  return alarm.state === 'unacknowledged' || alarm.state === 'returned';
}

export function isOver(alarm: AlarmRow): boolean {
  return alarm.state === 'normal' || alarm.state === 'returned';
}

/** Where it is: the feed, and the series where it is about one. */
export function sourceOf(row: { feed_title: string; series_name: string | null }): string {
  return row.series_name === null ? row.feed_title : `${row.feed_title} · ${row.series_name}`;
}

export function overText(alarm: AlarmRow): string {
  const cleared = alarm.cleared_ms ?? alarm.last_seen_ms;
  // A level that went back was a spike or a dip. This one stayed, as its own text tells, so it is not over.
  if (alarm.kind === 'level_shift') return `Closed at ${clockTime(cleared)}`;
  return `Over since ${clockTime(cleared)}, lasted ${formatLength(cleared - alarm.raised_ms)}`;
}

/** In a flood more cards than these help nobody; those acknowledged make room. */
export const OPEN_SHOWN = 100;

/** The open alarms to be shown: those that need a person first, the worst and newest on top. */
export function openAlarms(alarms: readonly AlarmRow[]): AlarmRow[] {
  return alarms
    .filter((alarm) => alarm.state !== 'normal')
    .sort(
      (a, b) =>
        Number(needsPerson(b)) - Number(needsPerson(a)) ||
        RANK[b.level] - RANK[a.level] ||
        b.raised_ms - a.raised_ms ||
        b.id - a.id
    )
    .slice(0, OPEN_SHOWN);
}

/** Findings that are remembered. */
export const FINDINGS_KEPT = 300;

/** The list with a finding in it; one of the same number has only settled and is replaced where it stands. */
export function withFinding(findings: readonly FindingRow[], finding: FindingRow): FindingRow[] {
  if (findings.some((known) => known.number === finding.number)) {
    return findings.map((known) => (known.number === finding.number ? finding : known));
  }
  return [...findings.slice(1 - FINDINGS_KEPT), finding];
}

export interface PastFinding {
  finding: FindingRow;
  /** How many of the same kind in a row it stands for. */
  count: number;
}

export type PastCard =
  | { type: 'alarm'; key: string; at: number; alarm: AlarmRow }
  | { type: 'finding'; key: string; at: number; past: PastFinding };

const SLACK_MS = 2000;

function tells(alarm: AlarmRow, finding: FindingRow): boolean {
  return (
    alarm.feed === finding.feed &&
    alarm.series === finding.series &&
    alarm.kind === finding.kind &&
    finding.at_ms >= alarm.raised_ms - SLACK_MS &&
    finding.at_ms <= alarm.last_seen_ms + SLACK_MS
  );
}

/** What is over, newest first. Findings that an alarm tells are left out, equal ones in a row are told once. */
export function pastCards(
  alarms: readonly AlarmRow[],
  findings: readonly FindingRow[],
  limit: number
): PastCard[] {
  const cards: PastCard[] = alarms
    .filter((alarm) => alarm.state === 'normal')
    .map((alarm) => ({ type: 'alarm', key: `a${alarm.id}`, at: alarm.cleared_ms ?? alarm.raised_ms, alarm }));
  const latest = new Map<string, PastFinding>();
  for (let i = findings.length - 1; i >= 0; i--) {
    const finding = findings[i]!;
    if (alarms.some((alarm) => tells(alarm, finding))) continue;
    const place = `${finding.feed}/${finding.series}/${finding.kind}`;
    const same = latest.get(place);
    if (same !== undefined && same.finding.at_ms - finding.at_ms < 60_000 * same.count) {
      same.count++;
      continue;
    }
    const past = { finding, count: 1 };
    latest.set(place, past);
    cards.push({ type: 'finding', key: `f${finding.number}`, at: finding.at_ms, past });
  }
  return cards.sort((a, b) => b.at - a.at).slice(0, limit);
}
