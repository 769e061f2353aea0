/**
 * In which order the charts stand. At first every feed gets its charts in turn, and within a feed every entity, so that
 * the first screen tells something of everything. Later nothing moves under the operator: what is new comes last.
 */
import type { SeriesRow } from '../bindings/SeriesRow';

/** What a series is of: `BTC-USD` of `BTC-USD.price`. */
function entityOf(row: SeriesRow): string {
  const dot = row.name.indexOf('.');
  return dot < 0 ? '' : row.name.slice(0, dot);
}

function grouped<K>(rows: readonly SeriesRow[], keyOf: (row: SeriesRow) => K): SeriesRow[][] {
  const groups = new Map<K, SeriesRow[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return [...groups.values()];
}

/** One of each group, then the second of each, and so on. */
function inTurn(groups: readonly SeriesRow[][]): SeriesRow[] {
  const longest = Math.max(0, ...groups.map((group) => group.length));
  const rows: SeriesRow[] = [];
  for (let i = 0; i < longest; i++) {
    for (const group of groups) if (i < group.length) rows.push(group[i]!);
  }
  return rows;
}

export function firstOrder(rows: readonly SeriesRow[]): SeriesRow[] {
  const feeds = grouped(rows, (row) => row.feed);
  return inTurn(feeds.map((feed) => inTurn(grouped(feed, entityOf))));
}

/** `settled`: what is there stays where it is. */
export function ordered(
  rows: readonly SeriesRow[],
  before: readonly SeriesRow[],
  settled: boolean
): SeriesRow[] {
  if (!settled) return firstOrder(rows);
  const now = new Map(rows.map((row) => [row.id, row]));
  const stay = before.flatMap((row) => now.get(row.id) ?? []);
  for (const row of stay) now.delete(row.id);
  return [...stay, ...firstOrder([...now.values()])];
}
