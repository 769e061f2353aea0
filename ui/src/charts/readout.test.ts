import { describe, expect, it } from 'vitest';

import { emptyPanel } from '../backend/encode';
import { GAP_CAUSES, RESET } from '../backend/frame';
import { Columns } from './columns';
import { clockTime } from './format';
import { readout } from './readout';

const T = Date.UTC(2026, 0, 5, 14, 30);
const columns = new Columns();
columns.apply(
  {
    ...emptyPanel(1),
    flags: RESET,
    bucketMs: 1000,
    starts: Float64Array.of(T, T + 20_000),
    min: Float64Array.of(4, 7),
    max: Float64Array.of(4, 8),
    low: Float64Array.of(NaN, 6),
    high: Float64Array.of(NaN, 9),
    gapFrom: Float64Array.of(T + 900),
    gapTo: Float64Array.of(T + 15_000),
    gapCause: Uint32Array.of(0)
  },
  0
);
const read = (ms: number, own = true): string[] =>
  readout(columns, ms, own, 100, String).split('\n').slice(1);
const other = (ms: number): string => readout(columns, ms, false, 100, String);

describe('readout', () => {
  it('left_of_the_first_value_there_is_none', () => {
    expect(read(T - 5000)).toEqual(['no value']);
    expect(other(T - 5000)).toBe('no value');
    expect(read(T + 30_000)).toEqual(['no value']);
  });

  it('inside_a_gap_its_cause_is_told_and_no_value', () => {
    const told = `Connection lost: ${clockTime(T + 900)} to ${clockTime(T + 15_000)}`;
    expect(read(T + 8000)).toEqual([told]);
    expect(other(T + 8000)).toBe(told);
  });

  it('between_the_end_of_a_gap_and_the_next_value_there_is_none', () => {
    expect(read(T + 17_000)).toEqual(['no value']);
  });

  it('a_gap_of_a_drill_is_told_as_cut_on_purpose', () => {
    expect(GAP_CAUSES).toHaveLength(8);
    expect(GAP_CAUSES[7]).toBe('Cut for a drill');
    const drilled = new Columns();
    drilled.apply(
      {
        ...emptyPanel(1),
        flags: RESET,
        bucketMs: 1000,
        gapFrom: Float64Array.of(T),
        gapTo: Float64Array.of(T + 900),
        gapCause: Uint32Array.of(7)
      },
      0
    );
    expect(readout(drilled, T + 400, false, 100, String)).toBe(
      `Cut for a drill: ${clockTime(T)} to ${clockTime(T + 900)}`
    );
  });

  it('a_value_beside_a_gap_is_told_with_it', () => {
    expect(read(T + 950)).toEqual(['4', expect.stringContaining('Connection lost')]);
    expect(other(T + 950)).toBe('4');
    expect(read(T + 20_500)).toEqual(['7 to 8', 'expected 6 to 9']);
  });
});
