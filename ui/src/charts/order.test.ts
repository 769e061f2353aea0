import { expect, it } from 'vitest';

import type { SeriesRow } from '../bindings/SeriesRow';
import { firstOrder, ordered } from './order';

let next = 1;
const row = (feed: number, name: string): SeriesRow => ({
  id: next++,
  feed,
  name,
  unit: null,
  kind: 'gauge'
});
const names = (rows: readonly SeriesRow[]): string[] => rows.map((one) => one.name);

const ROWS = [
  row(1, 'BTC.price'),
  row(1, 'BTC.size'),
  row(1, 'ETH.price'),
  row(1, 'ETH.size'),
  row(2, 'press-1.temp'),
  row(2, 'press-1.pressure'),
  row(2, 'press-2.temp'),
  row(3, 'rate')
];

it('every_feed_has_its_turn_and_every_entity_of_it', () => {
  expect(names(firstOrder(ROWS))).toEqual([
    'BTC.price',
    'press-1.temp',
    'rate',
    'ETH.price',
    'press-2.temp',
    'BTC.size',
    'press-1.pressure',
    'ETH.size'
  ]);
});

it('nothing_moves_when_series_come_later', () => {
  const first = firstOrder(ROWS);
  const later = ordered([row(1, 'SOL.price'), ...ROWS, row(4, 'x')], first, true);
  expect(names(later)).toEqual([...names(first), 'SOL.price', 'x']);
  expect(names(ordered(ROWS.slice(0, 2), later, true))).toEqual(['BTC.price', 'BTC.size']);
});

it('a_row_that_changed_takes_its_place', () => {
  const changed = { ...ROWS[0]!, unit: 'EUR' };
  expect(ordered([changed], ROWS, true)).toEqual([changed]);
});
