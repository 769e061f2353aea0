import { describe, expect, it } from 'vitest';

import { emptyPanel } from '../backend/encode';
import { RESET, type PanelFrame } from '../backend/frame';
import { Columns } from './columns';
import { Trace, ValueRange } from './trace';

function traceOf(starts: number[], pairs: [number, number][], more: Partial<PanelFrame> = {}): Trace {
  const columns = new Columns();
  const nothing = Float64Array.from(starts, () => NaN);
  columns.apply(
    {
      ...emptyPanel(1),
      flags: RESET,
      bucketMs: 100,
      starts: Float64Array.from(starts),
      min: Float64Array.from(pairs, (pair) => pair[0]),
      max: Float64Array.from(pairs, (pair) => pair[1]),
      low: nothing,
      high: nothing,
      ...more
    },
    0
  );
  const trace = new Trace();
  trace.fill(columns);
  return trace;
}

const gap = (from: number, to: number, cause = 0): Partial<PanelFrame> => ({
  gapFrom: Float64Array.of(from),
  gapTo: Float64Array.of(to),
  gapCause: Uint32Array.of(cause)
});

describe('Trace', () => {
  it('draws_both_ends_of_a_bucket_the_nearer_first', () => {
    const trace = traceOf(
      [0, 100, 200],
      [
        [1, 3],
        [2, 9],
        [1, 8]
      ]
    );
    expect(trace.y).toEqual([1, 3, 2, 9, 8, 1]);
    expect(trace.x).toEqual([50, 50, 150, 150, 250, 250]);
  });

  it('draws_buckets_of_one_pixel_column_as_one', () => {
    const columns = new Columns();
    const starts = Float64Array.of(0, 100, 200, 300, 400, 500);
    const nothing = starts.map(() => NaN);
    const min = Float64Array.of(1, 0, 5, 6, 3, 3);
    const max = Float64Array.of(2, 4, 5, 9, 3, 3);
    const part = {
      ...emptyPanel(1),
      flags: RESET,
      bucketMs: 100,
      starts,
      min,
      max,
      low: nothing,
      high: nothing
    };
    columns.apply(part, 0);
    const trace = new Trace();
    trace.fill(columns, 200);
    // Each column from its smallest to its largest value, or the other way round.
    expect(trace.x).toEqual([50, 50, 250, 250, 450]);
    expect(trace.y).toEqual([0, 4, 5, 9, 3]);
    expect([trace.bottom, trace.top]).toEqual([0, 9]);
    columns.apply({ ...part, ...gap(120, 180) }, 0);
    trace.fill(columns, 200);
    expect(trace.y).toContain(null);
  });

  it('draws_a_single_value_once', () => {
    expect(
      traceOf(
        [0, 100],
        [
          [1, 1],
          [2, 2]
        ]
      ).y
    ).toEqual([1, 2]);
  });

  it('a_gap_breaks_the_line', () => {
    const trace = traceOf(
      [0, 1000],
      [
        [1, 1],
        [2, 2]
      ],
      gap(200, 800)
    );
    expect(trace.y).toEqual([1, null, 2]);
    expect(trace.x[1]).toBeGreaterThan(50);
    expect(trace.x[1]).toBeLessThan(1050);
  });

  it('a_lost_message_breaks_the_line_even_without_length', () => {
    expect(
      traceOf(
        [0, 100],
        [
          [1, 1],
          [2, 2]
        ],
        gap(100, 100, 3)
      ).y
    ).toEqual([1, null, 2]);
  });

  it('a_distance_alone_is_no_hole', () => {
    expect(
      traceOf(
        [0, 60_000],
        [
          [1, 1],
          [2, 2]
        ]
      ).y
    ).toEqual([1, 2]);
  });

  it('a_gap_that_lasts_does_not_touch_what_came_before', () => {
    expect(
      traceOf(
        [0, 100],
        [
          [1, 1],
          [2, 2]
        ],
        gap(400, NaN)
      ).y
    ).toEqual([1, 2]);
  });

  it('breaks_at_every_gap_and_only_there', () => {
    const more = {
      gapFrom: Float64Array.of(60, 260, 261),
      gapTo: Float64Array.of(70, 300, 262),
      gapCause: Uint32Array.of(3, 0, 3)
    };
    expect(
      traceOf(
        [0, 100, 200, 300, 400],
        [
          [1, 1],
          [2, 2],
          [3, 3],
          [4, 4],
          [5, 5]
        ],
        more
      ).y
    ).toEqual([1, null, 2, 3, null, 4, 5]);
  });

  it('leaves_out_what_is_no_number', () => {
    const trace = traceOf(
      [0, 100, 200],
      [
        [1, 1],
        [NaN, NaN],
        [2, Infinity]
      ]
    );
    expect(trace.y).toEqual([1]);
    expect(trace.bottom).toBe(1);
  });

  it('reuses_its_arrays', () => {
    const trace = traceOf(
      [0, 100, 200],
      [
        [1, 3],
        [2, 9],
        [1, 8]
      ]
    );
    const { x, y } = trace;
    trace.fill(new Columns());
    expect(trace.x).toBe(x);
    expect(trace.y).toBe(y);
    expect(x).toHaveLength(0);
    expect(trace.bottom).toBeNaN();
  });

  it('a_band_still_being_learned_does_not_squash_the_line', () => {
    const trace = traceOf(
      [0, 100],
      [
        [1, 1],
        [2, 2]
      ],
      { low: Float64Array.of(-1e9, 0.5), high: Float64Array.of(1e9, 2.5) }
    );
    expect(trace.top).toBeLessThanOrEqual(3.5);
    expect(trace.bottom).toBeGreaterThanOrEqual(-0.5);
  });
});

describe('ValueRange', () => {
  it('widens_at_once_and_narrows_late', () => {
    const range = new ValueRange();
    range.follow(0, 10);
    expect(range.follow(1, 9)).toBe(false);
    expect(range.follow(0, 30)).toBe(true);
    expect(range.top).toBeGreaterThan(30);
    expect(range.follow(0, 5)).toBe(true);
    expect(range.top).toBeLessThan(10);
  });

  it('gives_a_flat_line_room', () => {
    const range = new ValueRange();
    range.follow(5, 5);
    expect(range.bottom).toBeLessThan(5);
    expect(range.top).toBeGreaterThan(5);
    expect(range.follow(NaN, NaN)).toBe(false);
  });
});
