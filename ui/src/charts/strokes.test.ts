import { describe, expect, it } from 'vitest';

import { emptyPanel } from '../backend/encode';
import { RESET } from '../backend/frame';
import { Columns } from './columns';
import { strokeTrace, type Pen } from './strokes';
import { Trace } from './trace';

const SPAN_MS = 300_000;
const WIDTH_PX = 400;
const HEIGHT_PX = 100;

type Stroke = [x0: number, y0: number, x1: number, y1: number];

/** A pen that notes what it draws. */
class Notes implements Pen {
  readonly strokes: Stroke[] = [];
  private at: [number, number] = [NaN, NaN];
  moveTo(x: number, y: number): void {
    this.at = [x, y];
  }
  lineTo(x: number, y: number): void {
    this.strokes.push([...this.at, x, y]);
    this.at = [x, y];
  }
}

interface Burst {
  fromMs: number;
  toMs: number;
  min: number;
  max: number;
}

/** Bursts with a lost connection between them, in buckets of a width, as they are drawn over a span. */
function drawn(bursts: Burst[], bucketMs: number, spanMs = SPAN_MS): Stroke[] {
  const held = new Map<number, [number, number]>();
  for (const { fromMs, toMs, min, max } of bursts)
    for (let at = Math.floor(fromMs / bucketMs) * bucketMs; at <= toMs; at += bucketMs) {
      const before = held.get(at) ?? [Infinity, -Infinity];
      held.set(at, [Math.min(before[0], min), Math.max(before[1], max)]);
    }
  const starts = [...held.keys()];
  const columns = new Columns();
  columns.apply(
    {
      ...emptyPanel(1),
      flags: RESET,
      bucketMs,
      starts: Float64Array.from(starts),
      min: Float64Array.from(held.values(), (pair) => pair[0]),
      max: Float64Array.from(held.values(), (pair) => pair[1]),
      low: Float64Array.from(starts, () => NaN),
      high: Float64Array.from(starts, () => NaN),
      gapFrom: Float64Array.from(bursts.slice(0, -1), (burst) => burst.toMs),
      gapTo: Float64Array.from(bursts.slice(1), (burst) => burst.fromMs),
      gapCause: new Uint32Array(bursts.length - 1)
    },
    0
  );
  const trace = new Trace();
  trace.fill(columns, spanMs / WIDTH_PX);
  const pen = new Notes();
  strokeTrace(pen, trace, {
    xOf: (ms) => (ms / spanMs) * WIDTH_PX,
    yOf: (value) => HEIGHT_PX - value * 10,
    dot: 4
  });
  return pen.strokes;
}

const length = ([x0, y0, x1, y1]: Stroke): number => Math.hypot(x1 - x0, y1 - y0);
const bursts = (many: number, everyMs: number, lastsMs: number, max: number): Burst[] =>
  Array.from({ length: many }, (_, i) => ({
    fromMs: i * everyMs + 100,
    toMs: i * everyMs + 100 + lastsMs,
    min: 0,
    max
  }));

describe('strokeTrace', () => {
  it.each([
    [60_000, 250],
    [300_000, 1000],
    [900_000, 5000],
    [3_600_000, 20_000]
  ])('every_burst_between_two_gaps_is_seen_over_%i_ms', (spanMs, bucketMs) => {
    const all = bursts(17, spanMs / 17, 900, 9);
    const strokes = drawn(all, bucketMs, spanMs);
    for (const { fromMs, toMs } of all) {
      const [from, to] = [fromMs - bucketMs, toMs + bucketMs].map((ms) => (ms / spanMs) * WIDTH_PX);
      const inside = strokes.filter(([x0, , x1]) => x0 >= from! - 2 && x1 <= to! + 2);
      expect(Math.max(0, ...inside.map(length))).toBeGreaterThanOrEqual(89);
    }
  });

  it('a_single_message_per_connection_is_a_dot', () => {
    const strokes = drawn(bursts(20, 15_000, 0, 0), 1000);
    expect(strokes).toHaveLength(40);
    for (const stroke of strokes) expect(length(stroke)).toBeCloseTo(4);
  });

  it('no_stroke_crosses_a_gap', () => {
    const strokes = drawn(bursts(10, 30_000, 2000, 9), 1000);
    for (const [x0, , x1] of strokes) expect(x1 - x0).toBeLessThan((5000 / SPAN_MS) * WIDTH_PX);
  });

  it('a_line_without_a_hole_is_one_stroke_after_the_other_and_no_dot', () => {
    const pen = new Notes();
    const scales = { xOf: (ms: number) => ms, yOf: (value: number) => value, dot: 4 };
    strokeTrace(pen, { x: [0, 10, 20], y: [1, 2, 1] }, scales);
    expect(pen.strokes).toEqual([
      [0, 1, 10, 2],
      [10, 2, 20, 1]
    ]);
    const later = new Notes();
    strokeTrace(later, { x: [0, 10, 20], y: [1, null, 1] }, scales, 2);
    expect(later.strokes.map(([x0, y0, x1, y1]) => [x0, Math.round(y0), x1, Math.round(y1)])).toEqual([
      [18, 0, 22, 0],
      [18, 2, 22, 2]
    ]);
  });
});
