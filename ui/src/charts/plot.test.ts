import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { emptyPanel } from '../backend/encode';
import { RESET } from '../backend/frame';
import { tokensOf } from '../theme/theme';
import { Columns } from './columns';
import { Plot } from './plot';

/** A path that knows how many strokes it has. */
class Path {
  lines = 0;
  moveTo(): void {}
  lineTo(): void {
    this.lines++;
  }
  rect(): void {}
}

/** Canvas calls of a picture: what is stroked and by what it is clipped. */
class Canvas {
  stroked: Path[] = [];
  clips: Path[] = [];
  readonly context = new Proxy({} as Record<string | symbol, unknown>, {
    get: (known, name) => {
      if (name === 'stroke') return (path?: Path) => path !== undefined && this.stroked.push(path);
      if (name === 'clip') return (path?: Path) => path !== undefined && this.clips.push(path);
      if (name === 'measureText') return () => ({ width: 10 });
      return known[name] ?? (() => undefined);
    }
  });
}

let canvas: Canvas;

beforeEach(() => {
  canvas = new Canvas();
  vi.stubGlobal('Path2D', Path);
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(canvas.context as never);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe('Plot', () => {
  it('what_stands_alone_between_two_gaps_is_stroked_and_no_gap_cuts_it_away', async () => {
    const starts = [0, 10_000, 20_000, 30_000];
    const columns = new Columns();
    const plot = new Plot(
      {
        host: document.createElement('div'),
        width: 400,
        height: 100,
        tokens: tokensOf('dark'),
        onCursor: () => undefined
      },
      columns
    );
    const filled = (value: number): Float64Array => Float64Array.from(starts, () => value);
    const part = {
      ...emptyPanel(1),
      flags: RESET,
      bucketMs: 1000,
      starts: Float64Array.from(starts),
      min: filled(0),
      max: filled(9),
      low: filled(NaN),
      high: filled(NaN),
      gapFrom: Float64Array.of(900, 10_900, 20_900),
      gapTo: Float64Array.of(10_000, 20_000, 30_000),
      gapCause: new Uint32Array(3)
    };
    const changed = columns.apply(part, 0);
    const state = { fromMs: 0, toMs: 60_000, nowMs: 60_000, everyMs: 0, level: 0, hotFromMs: NaN };
    plot.update({ ...state, changed });
    const painted = (): Path[] => canvas.stroked.filter((path) => path.lines > 0);
    await vi.waitFor(() => expect(painted()).not.toEqual([]));
    expect(new Set(painted().map((path) => path.lines))).toEqual(new Set([starts.length]));
    // By the edge of the chart only.
    expect(canvas.clips).toHaveLength(canvas.stroked.length);
    plot.destroy();
  });
});
