/**
 * What one panel holds: its buckets as columns, kept up to date from frames.
 *
 * Without the reset flag a frame's points replace everything from their first start on (`engine/src/frame.rs`); what
 * left the span is dropped at the other end. The columns live in typed arrays with room at the end, so that a tick
 * allocates nothing: when the room is used up, what is left moves to the front.
 */
import { RESET, type PanelFrame } from '../backend/frame';

const FIRST_ROOM = 512;

export class Columns {
  starts = new Float64Array(FIRST_ROOM);
  min = new Float64Array(FIRST_ROOM);
  max = new Float64Array(FIRST_ROOM);
  low = new Float64Array(FIRST_ROOM);
  high = new Float64Array(FIRST_ROOM);
  /** The buckets are those from `head` to before `end`. */
  head = 0;
  end = 0;
  bucketMs = 1000;
  gapFrom = new Float64Array(0);
  gapTo = new Float64Array(0);
  gapCause = new Uint32Array(0);
  markMs = new Float64Array(0);
  markValue = new Float64Array(0);
  markLevel = new Uint32Array(0);
  /** Goes up with every change of gaps or marks. */
  noted = 0;

  get length(): number {
    return this.end - this.head;
  }

  clear(): void {
    this.head = 0;
    this.end = 0;
  }

  /** Takes a frame in; says whether anything to be drawn changed. `whole`: a cursor was not given, so all of it came. */
  apply(panel: PanelFrame, fromMs: number, whole = false): boolean {
    let changed = this.applyPoints(panel, whole || (panel.flags & RESET) !== 0);
    if (this.dropBefore(fromMs)) changed = true;
    const [gaps, marks] = [this.applyGaps(panel), this.applyMarks(panel)];
    if (!gaps && !marks) return changed;
    this.noted++;
    return true;
  }

  private applyPoints(panel: PanelFrame, reset: boolean): boolean {
    const count = panel.starts.length;
    const bucketChanged = panel.bucketMs !== this.bucketMs && count > 0;
    if (bucketChanged) this.bucketMs = panel.bucketMs;
    if (reset) this.clear();
    if (count === 0) return reset;
    const cut = this.firstAtOrAfter(panel.starts[0]!);
    if (!reset && !bucketChanged && this.sameFrom(cut, panel)) return false;
    this.end = cut;
    this.makeRoom(count);
    this.starts.set(panel.starts, this.end);
    this.min.set(panel.min, this.end);
    this.max.set(panel.max, this.end);
    this.low.set(panel.low, this.end);
    this.high.set(panel.high, this.end);
    this.end += count;
    return true;
  }

  private firstAtOrAfter(start: number): number {
    let lo = this.head;
    let hi = this.end;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.starts[mid]! < start) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }

  private sameFrom(cut: number, panel: PanelFrame): boolean {
    if (this.end - cut !== panel.starts.length) return false;
    for (let i = 0; i < panel.starts.length; i++) {
      const k = cut + i;
      if (this.starts[k] !== panel.starts[i] || this.min[k] !== panel.min[i] || this.max[k] !== panel.max[i])
        return false;
      if (!Object.is(this.low[k], panel.low[i]) || !Object.is(this.high[k], panel.high[i])) return false;
    }
    return true;
  }

  /** Keeps one bucket left of the edge, so that the line runs out of the picture instead of starting inside it. */
  private dropBefore(fromMs: number): boolean {
    const before = this.head;
    while (this.head + 1 < this.end && this.starts[this.head + 1]! + this.bucketMs <= fromMs) this.head++;
    return this.head !== before;
  }

  private makeRoom(count: number): void {
    const length = this.length;
    if (this.end + count <= this.starts.length) return;
    if ((length + count) * 2 <= this.starts.length) {
      for (const part of [this.starts, this.min, this.max, this.low, this.high])
        part.copyWithin(0, this.head, this.end);
    } else {
      const room = Math.max(FIRST_ROOM, (length + count) * 2);
      const grown = (part: Float64Array): Float64Array<ArrayBuffer> => {
        const larger = new Float64Array(room);
        larger.set(part.subarray(this.head, this.end));
        return larger;
      };
      this.starts = grown(this.starts);
      this.min = grown(this.min);
      this.max = grown(this.max);
      this.low = grown(this.low);
      this.high = grown(this.high);
    }
    this.head = 0;
    this.end = length;
  }

  private applyGaps(panel: PanelFrame): boolean {
    if (
      same(this.gapFrom, panel.gapFrom) &&
      same(this.gapTo, panel.gapTo) &&
      same(this.gapCause, panel.gapCause)
    ) {
      return false;
    }
    // Copied: the views would keep the whole frame alive.
    this.gapFrom = panel.gapFrom.slice();
    this.gapTo = panel.gapTo.slice();
    this.gapCause = panel.gapCause.slice();
    return true;
  }

  private applyMarks(panel: PanelFrame): boolean {
    if (
      same(this.markMs, panel.markMs) &&
      same(this.markValue, panel.markValue) &&
      same(this.markLevel, panel.markLevel)
    ) {
      return false;
    }
    this.markMs = panel.markMs.slice();
    this.markValue = panel.markValue.slice();
    this.markLevel = panel.markLevel.slice();
    return true;
  }

  /** Is any of it right of an edge? */
  isSeenFrom(fromMs: number): boolean {
    return this.length > 0 && this.starts[this.end - 1]! + this.bucketMs > fromMs;
  }

  /** The bucket nearest to a time, -1 without any. */
  nearest(ms: number): number {
    if (this.length === 0) return -1;
    const after = this.firstAtOrAfter(ms - this.bucketMs / 2);
    if (after <= this.head) return this.head;
    if (after >= this.end) return this.end - 1;
    const half = this.bucketMs / 2;
    return ms - (this.starts[after - 1]! + half) <= this.starts[after]! + half - ms ? after - 1 : after;
  }

  /**
   * The bucket whose value a time has, -1 where it has none: before the first and after the last, and where the line is
   * broken. `slackMs`: so far beside a bucket still counts as in it.
   */
  valueAt(ms: number, slackMs: number): number {
    const at = this.nearest(ms);
    if (at < 0) return -1;
    const start = this.starts[at]!;
    if (ms >= start - slackMs && ms <= start + this.bucketMs + slackMs) return at;
    const other = ms < start ? at - 1 : at + 1;
    if (other < this.head || other >= this.end) return -1;
    return this.isBroken(Math.min(at, other)) ? -1 : at;
  }

  /** Does the line not go on from a bucket to the next one? */
  private isBroken(at: number): boolean {
    const half = this.bucketMs / 2;
    const [before, after] = [this.starts[at]! + half, this.starts[at + 1]! + half];
    for (let g = 0; g < this.gapFrom.length; g++) {
      if (this.gapFrom[g]! < after && !(this.gapTo[g]! < before)) return true;
    }
    return false;
  }

  /** The gap that holds a time, -1 without. */
  gapAt(ms: number, slackMs: number): number {
    for (let g = 0; g < this.gapFrom.length; g++) {
      const to = this.gapTo[g]!;
      if (ms >= this.gapFrom[g]! - slackMs && (Number.isNaN(to) || ms <= to + slackMs)) return g;
    }
    return -1;
  }
}

function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}
