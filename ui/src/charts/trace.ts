/**
 * From buckets to the line uPlot draws: at most two points per bucket, its smallest and largest value, the one nearer
 * to the line's end first. A point without value stands where a gap lies, so that the line is broken there. Buckets
 * that are merely apart stay joined: a slow series is no hole.
 */
import type { Columns } from './columns';

export class Trace {
  readonly x: number[] = [];
  readonly y: (number | null)[] = [];
  /** Range of what is to be seen, NaN without points. */
  bottom = NaN;
  top = NaN;

  /** `pixelMs`: buckets that share a pixel column are drawn as one. */
  fill(columns: Columns, pixelMs = 0): void {
    const { starts, min, max, head, end } = columns;
    const half = columns.bucketMs / 2;
    const pixelOf = (ms: number): number => (pixelMs > columns.bucketMs ? Math.floor(ms / pixelMs) : ms);
    let n = 0;
    let g = 0;
    let before = NaN;
    let last = NaN;
    let pixel = NaN;
    this.resetRange();
    for (let i = head; i < end; i++) {
      const low = min[i]!;
      const high = max[i]!;
      if (!Number.isFinite(low) || !Number.isFinite(high)) continue;
      const middle = starts[i]! + half;
      if (!(low > this.bottom)) this.bottom = low;
      if (!(high < this.top)) this.top = high;
      while (g < columns.gapFrom.length && columns.gapTo[g]! < before) g++;
      if (g < columns.gapFrom.length && columns.gapFrom[g]! < middle && !Number.isNaN(before)) {
        this.put(n++, (before + middle) / 2, null);
        last = NaN;
        pixel = NaN;
      }
      before = middle;
      const own = pixelOf(middle);
      if (own === pixel) {
        n = this.widenLast(n, low, high);
        last = this.y[n - 1]!;
        continue;
      }
      pixel = own;
      const lowFirst = !(Math.abs(last - low) > Math.abs(last - high));
      this.put(n++, middle, lowFirst ? low : high);
      if (low !== high) this.put(n++, middle, lowFirst ? high : low);
      last = lowFirst ? high : low;
    }
    this.x.length = n;
    this.y.length = n;
    this.widenToBand(columns);
  }

  /** Takes one more bucket into the last pixel column; gives the number of points. */
  private widenLast(n: number, low: number, high: number): number {
    const pair = n > 1 && this.x[n - 2] === this.x[n - 1];
    const first = pair ? n - 2 : n - 1;
    const a = this.y[first]!;
    const b = this.y[n - 1]!;
    const [bottom, top] = [Math.min(a, b, low), Math.max(a, b, high)];
    const x = this.x[first]!;
    const falls = pair ? a > b : high - a < a - low;
    this.put(first, x, falls ? top : bottom);
    if (bottom === top) return first + 1;
    this.put(first + 1, x, falls ? bottom : top);
    return first + 2;
  }

  private resetRange(): void {
    this.bottom = NaN;
    this.top = NaN;
  }

  private put(at: number, x: number, y: number | null): void {
    this.x[at] = x;
    this.y[at] = y;
  }

  /** The band belongs into the picture, but while it is still being learned it must not squash the line. */
  private widenToBand(columns: Columns): void {
    const room = (this.top - this.bottom) * 1.5;
    if (!(room >= 0)) return;
    let bottom = this.bottom;
    let top = this.top;
    for (let i = columns.head; i < columns.end; i++) {
      const low = columns.low[i]!;
      const high = columns.high[i]!;
      if (low < bottom) bottom = low;
      if (high > top) top = high;
    }
    this.bottom = Math.max(bottom, this.bottom - room);
    this.top = Math.min(top, this.top + room);
  }
}

/**
 * The vertical range: what is seen and a margin. It widens at once and narrows only when less than 60 % of it is used, so
 * that the picture does not breathe with every sample.
 */
export class ValueRange {
  bottom = 0;
  top = 1;
  private settled = false;

  reset(): void {
    this.settled = false;
  }

  /** Says whether the range moved. */
  follow(bottom: number, top: number): boolean {
    if (!(top >= bottom)) return false;
    const extent = top - bottom;
    const margin = extent > 0 ? extent * 0.1 : Math.abs(top) * 0.05 || 1;
    const fits = bottom >= this.bottom && top <= this.top;
    const used = (extent + 2 * margin) / (this.top - this.bottom);
    if (this.settled && fits && used > 0.6) return false;
    this.bottom = bottom - margin;
    this.top = top + margin;
    this.settled = true;
    return true;
  }
}
