/**
 * The strokes of a trace. uPlot's own line is cut out at every hole by a clip between the points beside it: what stands
 * alone between two holes would be cut away with them. Here the pen is lifted instead, and every value that came is seen.
 */
import type { Trace } from './trace';

/** So long, in CSS pixels, is the dot of a value that stands alone. */
export const DOT_PX = 4;

export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
}

export interface Scales {
  xOf(ms: number): number;
  yOf(value: number): number;
  /** Length of a dot's strokes. */
  dot: number;
}

/** Draws the points from `first` on: a line for each run without a hole, a dot where a run is hardly more than a point. */
export function strokeTrace(pen: Pen, trace: Pick<Trace, 'x' | 'y'>, scales: Scales, first = 0): void {
  const { x, y } = trace;
  const { dot } = scales;
  let drawing = false;
  let left = 0;
  let right = 0;
  let top = 0;
  let bottom = 0;
  const lift = (): void => {
    if (drawing && right - left < dot && bottom - top < dot) {
      const [middle, height] = [(left + right) / 2, (top + bottom) / 2];
      // Two strokes beside each other: one alone is lost in the hatching of the holes.
      for (const level of [height - dot / 5, height + dot / 5]) {
        pen.moveTo(middle - dot / 2, level);
        pen.lineTo(middle + dot / 2, level);
      }
    }
    drawing = false;
  };
  for (let i = first; i < x.length; i++) {
    const value = y[i];
    if (value === null || value === undefined) {
      lift();
      continue;
    }
    const px = scales.xOf(x[i]!);
    const py = scales.yOf(value);
    if (drawing) {
      pen.lineTo(px, py);
      right = px;
      if (py < top) top = py;
      if (py > bottom) bottom = py;
    } else {
      pen.moveTo(px, py);
      drawing = true;
      left = right = px;
      top = bottom = py;
    }
  }
  lift();
}
