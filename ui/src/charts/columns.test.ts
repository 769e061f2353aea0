import { describe, expect, it } from 'vitest';

import { emptyPanel } from '../backend/encode';
import { RESET, type PanelFrame } from '../backend/frame';
import { Columns } from './columns';

function part(starts: number[], value = 1, flags = 0): PanelFrame {
  const filled = (v: number): Float64Array => Float64Array.from(starts, () => v);
  return {
    ...emptyPanel(1),
    flags,
    bucketMs: 100,
    starts: Float64Array.from(starts),
    min: filled(value),
    max: filled(value + 1),
    low: filled(NaN),
    high: filled(NaN)
  };
}

const starts = (columns: Columns): number[] => [...columns.starts.subarray(columns.head, columns.end)];
const mins = (columns: Columns): number[] => [...columns.min.subarray(columns.head, columns.end)];

describe('Columns', () => {
  it('a_delta_replaces_from_its_first_start_on', () => {
    const columns = new Columns();
    columns.apply(part([0, 100, 200], 1, RESET), 0);
    expect(columns.apply(part([200, 300], 5), 0)).toBe(true);
    expect(starts(columns)).toEqual([0, 100, 200, 300]);
    expect(mins(columns)).toEqual([1, 1, 5, 5]);
  });

  it('a_late_bucket_takes_its_place_in_between', () => {
    const columns = new Columns();
    columns.apply(part([0, 200, 300], 1, RESET), 0);
    columns.apply(part([100, 200, 300], 2), 0);
    expect(starts(columns)).toEqual([0, 100, 200, 300]);
  });

  it('a_reset_forgets_everything', () => {
    const columns = new Columns();
    columns.apply(part([0, 100], 1, RESET), 0);
    columns.apply(part([500], 2, RESET), 0);
    expect(starts(columns)).toEqual([500]);
    expect(columns.apply(part([], 0, RESET), 0)).toBe(true);
    expect(columns.length).toBe(0);
  });

  it('an_answer_without_a_cursor_is_the_whole_even_without_the_flag', () => {
    const columns = new Columns();
    columns.apply(part([0, 100], 1, RESET), 0);
    columns.apply(part([900], 2), 0, true);
    expect(starts(columns)).toEqual([900]);
  });

  it('the_same_again_changes_nothing', () => {
    const columns = new Columns();
    columns.apply(part([0, 100], 1, RESET), 0);
    expect(columns.apply(part([100], 1), 0)).toBe(false);
    expect(columns.apply(part([], 1), 0)).toBe(false);
    expect(columns.apply(part([100], 2), 0)).toBe(true);
  });

  it('drops_what_left_the_span_but_for_one_bucket', () => {
    const columns = new Columns();
    columns.apply(part([0, 100, 200, 300], 1, RESET), 0);
    columns.apply(part([300], 1), 250);
    expect(starts(columns)).toEqual([100, 200, 300]);
  });

  it('stays_small_and_right_over_a_long_time', () => {
    const columns = new Columns();
    columns.apply(part([0], 0, RESET), 0);
    for (let i = 1; i <= 20_000; i++) columns.apply(part([i * 100], i), (i - 300) * 100);
    expect(columns.length).toBeLessThan(310);
    expect(columns.starts.length).toBeLessThanOrEqual(2048);
    expect(mins(columns).at(-1)).toBe(20_000);
    expect(starts(columns)).toEqual([...starts(columns)].sort((a, b) => a - b));
  });

  it('copies_gaps_and_marks_and_sees_their_change', () => {
    const columns = new Columns();
    const gap = { gapFrom: Float64Array.of(10), gapTo: Float64Array.of(NaN), gapCause: Uint32Array.of(0) };
    expect(columns.apply({ ...part([0], 1, RESET), ...gap }, 0)).toBe(true);
    expect(columns.apply({ ...part([]), ...gap }, 0)).toBe(false);
    expect(columns.apply({ ...part([]), ...gap, gapTo: Float64Array.of(50) }, 0)).toBe(true);
    expect(columns.gapAt(30, 0)).toBe(0);
    expect(columns.gapAt(60, 0)).toBe(-1);
  });

  it('finds_the_nearest_bucket', () => {
    const columns = new Columns();
    columns.apply(part([0, 100, 900], 1, RESET), 0);
    expect(columns.nearest(-50)).toBe(0);
    expect(columns.nearest(140)).toBe(1);
    expect(columns.nearest(700)).toBe(2);
    expect(new Columns().nearest(5)).toBe(-1);
  });

  describe('valueAt', () => {
    const columns = new Columns();
    const gap = {
      gapFrom: Float64Array.of(1200),
      gapTo: Float64Array.of(1800),
      gapCause: new Uint32Array(1)
    };
    columns.apply({ ...part([500, 1000, 2000], 1, RESET), ...gap }, 0);

    it('before_the_first_and_after_the_last_there_is_no_value', () => {
      expect(columns.valueAt(300, 50)).toBe(-1);
      expect(columns.valueAt(2300, 50)).toBe(-1);
      expect(new Columns().valueAt(0, 50)).toBe(-1);
    });

    it('a_bucket_has_its_value_and_a_little_beside_it', () => {
      expect(columns.valueAt(460, 50)).toBe(0);
      expect(columns.valueAt(550, 0)).toBe(0);
      expect(columns.valueAt(2140, 50)).toBe(2);
    });

    it('between_two_that_are_joined_it_is_that_of_the_nearer', () => {
      expect(columns.valueAt(700, 0)).toBe(0);
      expect(columns.valueAt(900, 0)).toBe(1);
    });

    it('nowhere_between_two_with_a_gap_between_them_is_a_value', () => {
      for (const ms of [1150, 1300, 1500, 1900]) expect(columns.valueAt(ms, 0)).toBe(-1);
    });
  });
});
