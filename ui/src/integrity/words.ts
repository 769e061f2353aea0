/** What the Integrity tab says: figures, times and cells in words. */
import type { CheckRow } from '../bindings/CheckRow';
import type { LedgerColumn } from '../bindings/LedgerColumn';
import type { Level } from '../bindings/Level';
import { dayAndTime, formatCount, formatNumber, hourMinute, plural } from '../charts/format';

const DAY_MS = 86_400_000;

export const INTEGRITY_SPANS = [
  { ms: 3_600_000, label: '1 h', words: 'the last hour' },
  { ms: 21_600_000, label: '6 h', words: 'the last 6 hours' },
  { ms: DAY_MS, label: '24 h', words: 'the last 24 hours' },
  { ms: 7 * DAY_MS, label: '7 days', words: 'the last 7 days' }
] as const;

/** `1 h`: the span, in words; with where it ends if that is not now. */
export function spanWords(spanMs: number, untilMs: number | null): string {
  const span = INTEGRITY_SPANS.find(({ ms }) => ms === spanMs);
  if (untilMs === null) return span?.words ?? 'the span';
  return `${span?.label ?? 'The span'} until ${dayAndTime(untilMs)}`;
}

/** `99.98 %`. Never rounded up: 100 % means that not one is missing. Unknown is a dash. */
export function percentText(percent: number | null): string {
  if (percent === null || !Number.isFinite(percent)) return '—';
  if (percent >= 100) return '100 %';
  return `${formatNumber(Math.min(99.99, Math.floor(Math.max(0, percent) * 100 + 1e-6) / 100), 2)} %`;
}

export const LEVEL_WORDS: Record<Level, string> = {
  ok: 'normal',
  info: 'worth knowing',
  warning: 'warning',
  critical: 'critical'
};

const SCORES: Record<string, string> = {
  completeness: 'Completeness',
  order: 'Order',
  timeliness: 'Timeliness',
  validity: 'Validity',
  authenticity: 'Authenticity'
};

export function scoreTitle(name: string): string {
  return SCORES[name] ?? name;
}

/** `14:05`, or the day where columns are so wide that the time says little. */
export function axisText(ms: number, stepMs: number): string {
  return stepMs < 6 * 3_600_000 ? hourMinute(ms) : dayAndTime(ms).replace(/ \d{4},.*/, '');
}

/** `14:00 to 15:00`, with the day where that is not plain. */
export function columnWords(fromMs: number, stepMs: number, nowMs: number): string {
  if (stepMs >= DAY_MS) return `${dayAndTime(fromMs)} to ${dayAndTime(fromMs + stepMs)}`;
  const from = nowMs - fromMs < DAY_MS / 2 ? hourMinute(fromMs) : dayAndTime(fromMs);
  return `${from} to ${hourMinute(fromMs + stepMs)}`;
}

/** The count that fits a cell. */
export function cellText(count: number): string {
  return count > 99 ? '99+' : String(count);
}

export function cellWords(check: CheckRow, column: number, time: string): string {
  if (!check.judged) return `${check.title}, ${time}: not judged`;
  const count = check.counts[column] ?? 0;
  if (count === 0) return `${check.title}, ${time}: nothing found`;
  const worst = LEVEL_WORDS[check.levels[column] ?? 'ok'];
  return `${check.title}, ${time}: ${plural(count, 'finding')}, ${count === 1 ? '' : 'at worst '}${worst}`;
}

/** What never came, nor came after all. */
export function stillMissing({ missing, filled }: LedgerColumn): number {
  return Math.max(0, missing - filled);
}

export function ledgerWords(ledger: LedgerColumn, time: string): string {
  const { expected, received, missing, filled, duplicate, late, rejected } = ledger;
  if (expected === 0 && received === 0) return `Messages, ${time}: none`;
  const parts = [
    expected > 0 ? `${formatCount(expected)} expected, ` : '',
    `${formatCount(received)} received`,
    missing > 0 ? `, ${formatCount(missing)} missing` : '',
    filled > 0 ? `, ${formatCount(filled)} of these came after all` : '',
    duplicate > 0 ? `, ${formatCount(duplicate)} repeated` : '',
    late > 0 ? `, ${formatCount(late)} late or out of order` : '',
    rejected > 0 ? `, ${formatCount(rejected)} unreadable` : ''
  ];
  return `Messages, ${time}: ${parts.join('')}`;
}

const OUTCOMES: Record<string, readonly [word: string, level: Level]> = {
  read: ['read', 'ok'],
  late: ['late', 'info'],
  duplicate: ['repeated', 'info'],
  rejected: ['unreadable', 'warning']
};

/** What became of a message, in a word, and how much that matters. */
export function outcomeOf(outcome: string): { word: string; level: Level } {
  const [word, level] = OUTCOMES[outcome] ?? [outcome, 'ok'];
  return { word, level };
}
