/**
 * The strokes of a trace. uPlot's own line is cut out at every hole by a clip between the points beside it: what stands
 * alone between two holes would be cut away with them. Here the pen is lifted instead, and every value that came is seen.
 */
import type { Trace } from './trace';

/** So long, in CSS pixels, is the dash of a value that stands alone. */
export const DASH_PX = 4;

export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
}

export interface Scales {
  xOf(ms: number): number;
  yOf(value: number): number;
  /** Length of a dash. */
  dash: number;
}

/** Draws the points from `first` on: a line for each run without a hole, a dash where a run is hardly more than a point. */
export function strokeTrace(pen: Pen, trace: Pick<Trace, 'x' | 'y'>, scales: Scales, first = 0): void {
  const { x, y } = trace;
  const { dash } = scales;
  let drawing = false;
  let left = 0;
  let right = 0;
  let top = 0;
  let bottom = 0;
  const lift = (): void => {
    if (drawing && right - left < dash && bottom - top < dash) {
      const [middle, height] = [(left + right) / 2, (top + bottom) / 2];
      pen.moveTo(middle - dash / 2, height);
      pen.lineTo(middle + dash / 2, height);
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
