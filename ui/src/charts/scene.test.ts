import { describe, expect, it } from 'vitest';

import { tokensOf } from '../theme/theme';
import { Columns } from './columns';
import { drawAbove, type Area } from './scene';
import type { Trace } from './trace';

const AREA: Area = {
  left: 0,
  top: 0,
  width: 100,
  height: 100,
  fromMs: 0,
  toMs: 100_000,
  bottom: 0,
  upper: 10,
  ratio: 1
};

/** How many strokes are drawn where the line is abnormal from a moment on. */
function hotStrokes(hotFromMs: number, y: (number | null)[]): number {
  let lines = 0;
  const ctx = new Proxy({} as CanvasRenderingContext2D, {
    get: (_, name) => () => {
      if (name === 'lineTo') lines++;
    }
  });
  const trace = { x: y.map((_, i) => i * 10_000), y } as unknown as Trace;
  drawAbove(ctx, AREA, { columns: new Columns(), trace, level: 2, hotFromMs }, tokensOf('dark'));
  return lines;
}

describe('drawAbove', () => {
  it('colours_the_line_from_the_jump_on', () => {
    expect(hotStrokes(29_000, [1, 1, 1, 9, 9])).toBe(2);
  });

  it('colours_nothing_that_was_before_the_alarm', () => {
    expect(hotStrokes(90_000, [1, 1, 1, 9, 9])).toBe(0);
  });

  it('colours_what_stands_alone_between_two_gaps', () => {
    expect(hotStrokes(39_000, [1, 1, 1, null, 9])).toBe(2);
  });
});
