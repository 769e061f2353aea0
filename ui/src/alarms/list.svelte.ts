/**
 * The alarms as the list shows them. While somebody points at it or moves through it with keys it stands still, so that
 * no click meets another alarm than the one meant. Rows are replaced and never changed, so what was shown is enough.
 */
import type { AlarmRow } from '../bindings/AlarmRow';
import type { FindingRow } from '../bindings/FindingRow';
import { plural } from '../charts/format';
import { needsPerson, OPEN_SHOWN, openAlarms, pastCards, type PastCard } from './order';

const PAST_SHOWN = 60;
/** More than one press can acknowledge. */
const ACTED_KEPT = 2 * OPEN_SHOWN;
/** So long after the last movement the list goes on. */
export const STILL_MS = 3000;

interface Shown {
  open: AlarmRow[];
  /** Open alarms beyond those shown. */
  more: number;
  past: PastCard[];
}

export class AlarmList {
  private held = $state.raw<Shown | null>(null);
  /** Acknowledged by the operator a moment ago: these tell their new state where they stand. */
  private acted = $state.raw<readonly number[]>([]);
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly alarms: () => readonly AlarmRow[],
    private readonly findings: () => readonly FindingRow[]
  ) {}

  private readonly live = $derived.by<Shown>(() => {
    const alarms = this.alarms();
    const open = openAlarms(alarms);
    const more = alarms.filter((alarm) => alarm.state !== 'normal').length - open.length;
    return { open, more, past: pastCards(alarms, this.findings(), PAST_SHOWN) };
  });

  readonly open = $derived.by(() => {
    if (this.held === null) return this.live.open;
    const now = new Map(this.alarms().map((alarm) => [alarm.id, alarm]));
    return this.held.open.map((alarm) => (this.acted.includes(alarm.id) ? now.get(alarm.id) : null) ?? alarm);
  });
  readonly more = $derived((this.held ?? this.live).more);
  readonly past = $derived((this.held ?? this.live).past);
  readonly still = $derived(this.held !== null);
  /** The one that the key A acknowledges when none is selected. */
  readonly first = $derived(this.open.find(needsPerson));

  /** What has changed behind the list that stands still, in words; `null`: nothing. */
  readonly waiting = $derived.by(() => {
    if (this.held === null) return null;
    const shown = new Set(this.held.open.map((alarm) => alarm.id));
    const fresh = this.live.open.filter((alarm) => needsPerson(alarm) && !shown.has(alarm.id)).length;
    if (fresh > 0) return `${plural(fresh, 'new alarm')} when you move away`;
    return same(this.open, this.live.open) && samePast(this.past, this.live.past)
      ? null
      : 'Updates when you move away';
  });

  /** Stands still from now on, or for longer. */
  hold(): void {
    this.held ??= this.live;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.release(), STILL_MS);
  }

  release(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.held = null;
  }

  acknowledged(ids: readonly number[]): void {
    this.acted = [...this.acted, ...ids].slice(-ACTED_KEPT);
  }
}

function same(a: readonly AlarmRow[], b: readonly AlarmRow[]): boolean {
  return a.length === b.length && a.every((alarm, i) => alarm === b[i]);
}

function samePast(a: readonly PastCard[], b: readonly PastCard[]): boolean {
  const row = (card: PastCard): unknown => (card.type === 'alarm' ? card.alarm : card.past.finding);
  const count = (card: PastCard): number => (card.type === 'alarm' ? 1 : card.past.count);
  return (
    a.length === b.length && a.every((card, i) => row(card) === row(b[i]!) && count(card) === count(b[i]!))
  );
}
