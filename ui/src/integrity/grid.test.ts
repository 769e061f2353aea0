import { describe, expect, it } from 'vitest';

import { cellsWidth, columnsFor, HEAD, labelled, moved } from './grid';

const key = (name: string, ctrlKey = false): { key: string; ctrlKey: boolean } => ({ key: name, ctrlKey });

describe('keys on the matrix', () => {
  const from = { row: 2, column: 3 };

  it('move_by_one_place', () => {
    expect(moved(key('ArrowUp'), from, 5, 8)).toEqual({ row: 1, column: 3 });
    expect(moved(key('ArrowDown'), from, 5, 8)).toEqual({ row: 3, column: 3 });
    expect(moved(key('ArrowLeft'), from, 5, 8)).toEqual({ row: 2, column: 2 });
    expect(moved(key('ArrowRight'), from, 5, 8)).toEqual({ row: 2, column: 4 });
  });

  it('never_lead_beyond_an_edge', () => {
    expect(moved(key('ArrowUp'), { row: 0, column: 0 }, 5, 8)).toEqual({ row: 0, column: 0 });
    expect(moved(key('ArrowLeft'), { row: 0, column: HEAD }, 5, 8)).toEqual({ row: 0, column: HEAD });
    expect(moved(key('ArrowDown'), { row: 4, column: 7 }, 5, 8)).toEqual({ row: 4, column: 7 });
    expect(moved(key('ArrowRight'), { row: 4, column: 7 }, 5, 8)).toEqual({ row: 4, column: 7 });
    // Fewer columns than a moment ago.
    expect(moved(key('ArrowDown'), { row: 1, column: 30 }, 5, 8)).toEqual({ row: 2, column: 7 });
  });

  it('lead_to_both_ends_of_a_row_and_of_the_matrix', () => {
    expect(moved(key('Home'), from, 5, 8)).toEqual({ row: 2, column: HEAD });
    expect(moved(key('End'), from, 5, 8)).toEqual({ row: 2, column: 7 });
    expect(moved(key('Home', true), from, 5, 8)).toEqual({ row: 0, column: HEAD });
    expect(moved(key('End', true), from, 5, 8)).toEqual({ row: 4, column: 7 });
  });

  it('that_mean_something_else_are_left_alone', () => {
    for (const name of ['a', ' ', 'Escape', 'Tab', 'Delete']) expect(moved(key(name), from, 5, 8)).toBe(null);
  });
});

describe('columns', () => {
  it('are_as_many_as_fit_and_never_too_many', () => {
    expect(columnsFor(0)).toBe(6);
    for (const width of [544, 848, 1600]) {
      const columns = columnsFor(width);
      expect(cellsWidth(width) / columns).toBeGreaterThanOrEqual(19);
      expect(cellsWidth(width) / (columns + 1)).toBeLessThan(19);
    }
    expect(columnsFor(100_000)).toBe(96);
  });

  it('are_labelled_at_the_same_times_when_time_moves_on', () => {
    const minute = 60_000;
    const from = Date.UTC(2026, 0, 5, 13, 32);
    const told = (fromMs: number): number[] =>
      labelled(fromMs, minute, 20, 848).flatMap((yes, i) => (yes ? [fromMs + i * minute] : []));
    const now = told(from);
    const next = told(from + minute);
    expect(now.length).toBeGreaterThan(2);
    expect(next.slice(0, -1).every((ms) => now.includes(ms))).toBe(true);
    const each = cellsWidth(848) / 20;
    expect(((now[1]! - now[0]!) / minute) * each).toBeGreaterThanOrEqual(52);
  });
});
