/**
 * When a chart's picture is worth painting anew. Without a GPU painting is what costs, so the time axis moves in whole
 * pixels, and what only grows at its edge waits for that.
 */

/** Where the axis moves more slowly than this, new points do not wait for it. */
export const POINTS_EVERY_MS = 1000;

export interface Axis {
  fromMs: number;
  toMs: number;
}

/** The axis in whole pixels, as many at once that it moves at most every `everyMs`. */
export function inPixels(fromMs: number, toMs: number, widthPx: number, everyMs: number): Axis {
  const pixel = (toMs - fromMs) / Math.max(1, widthPx);
  const stride = pixel * Math.max(1, Math.ceil(everyMs / pixel - 1e-9));
  const right = Math.ceil(toMs / stride - 1e-9) * stride;
  return { fromMs: right - (toMs - fromMs), toMs: right };
}

export function sameAxis(a: Axis, b: Axis, widthPx: number): boolean {
  const half = (a.toMs - a.fromMs) / Math.max(1, widthPx) / 2;
  return Math.abs(a.toMs - b.toMs) < half && Math.abs(a.fromMs - b.fromMs) < half;
}

/** Painting may take this share of the time; where it takes more, the charts are painted less often. */
export const PAINT_SHARE = 0.15;
export const SLOWEST_MS = 1000;
const WINDOW_MS = 2000;

/** How far apart pictures are: as the settings say, more on a machine for which that is too much. */
export class Pace {
  private stretchedMs = 0;
  private began = NaN;
  private spent = 0;

  everyMs(hz: number): number {
    return Math.min(Math.max(1000 / hz, this.stretchedMs), Math.max(SLOWEST_MS, 1000 / hz));
  }

  /** A tick took so long to paint. */
  took(ms: number, nowMs: number, hz: number): void {
    if (!(nowMs - this.began < 5 * WINDOW_MS)) {
      // The first one, or after a rest: the time between tells nothing.
      this.began = nowMs;
      this.spent = 0;
      return;
    }
    this.spent += ms;
    const passed = nowMs - this.began;
    if (passed < WINDOW_MS) return;
    const share = this.spent / passed;
    this.began = nowMs;
    this.spent = 0;
    const every = this.everyMs(hz);
    if (share > PAINT_SHARE || share < PAINT_SHARE * 0.6) {
      const wanted = every * Math.min(2, Math.max(0.7, share / PAINT_SHARE));
      this.stretchedMs = wanted > 1000 / hz ? Math.min(SLOWEST_MS, wanted) : 0;
    }
  }
}
