/**
 * One uPlot chart of one panel. uPlot draws axes, grid, line and crosshair; `scene.ts` paints the rest in its hooks.
 *
 * When the picture is painted anew: see `pace.ts`.
 */
import uPlot from 'uplot';

import type { Tokens } from '../theme/theme';
import { timeLabel, timeSplits, valueLabels, valueSplits } from './axes';
import { Columns } from './columns';
import { inPixels, POINTS_EVERY_MS, sameAxis } from './pace';
import { drawAbove, drawBelow, scalesOf, type Area, type Scene } from './scene';
import { strokeTrace } from './strokes';
import { Trace, ValueRange } from './trace';

const LEFT_PX = 6;
/** Below this width the panel saves what it can. */
const NARROW_PX = 260;
const TIME_AXIS_PX = 20;
const FONT = '11px Inter, "DejaVu Sans", system-ui, sans-serif';

export interface PlotParts {
  host: HTMLElement;
  width: number;
  height: number;
  tokens: Tokens;
  /** Told where the crosshair stands; `null`: it left. `own`: the pointer is in this very chart. */
  onCursor(ms: number | null, own: boolean): void;
}

/** What is to be shown. */
export interface PlotState {
  fromMs: number;
  toMs: number;
  nowMs: number;
  /** The axis moves no more often than this. */
  everyMs: number;
  /** Points, gaps or marks have changed. */
  changed: boolean;
  level: number;
  hotFromMs: number;
}

function valueAxisPx(width: number): number {
  return width < NARROW_PX ? 50 : 62;
}

export class Plot {
  readonly columns: Columns;
  private readonly trace = new Trace();
  private readonly range = new ValueRange();
  private readonly chart: uPlot;
  private readonly data: [number[], (number | null)[]];
  private tokens: Tokens;
  private level = 0;
  private hotFromMs = NaN;
  private fromMs = 0;
  private toMs = 1;
  private stale = true;
  /** Points have come that are not painted yet. */
  private waiting = false;
  private noted = 0;
  private paintedAt = -Infinity;
  /** How often the picture was painted, for measuring. */
  drawn = 0;

  constructor(parts: PlotParts, columns: Columns) {
    this.columns = columns;
    this.tokens = parts.tokens;
    this.data = [this.trace.x, this.trace.y];
    this.chart = new uPlot(this.options(parts), this.data, parts.host);
  }

  private options(parts: PlotParts): uPlot.Options {
    return {
      width: parts.width,
      height: parts.height,
      padding: [6, 0, 0, LEFT_PX],
      legend: { show: false },
      scales: {
        x: { time: false, auto: false, range: () => [this.fromMs, this.toMs] },
        y: { auto: false, range: () => [this.range.bottom, this.range.top] }
      },
      series: [{}, this.line()],
      axes: [this.timeAxis(), this.valueAxis()],
      cursor: {
        y: false,
        drag: { x: false, y: false, setScale: false },
        points: { show: false },
        sync: { key: 'feedwatch', scales: ['x', null] }
      },
      hooks: {
        drawAxes: [() => drawBelow(this.chart.ctx, this.area(), this.scene(), this.tokens)],
        draw: [() => drawAbove(this.chart.ctx, this.area(), this.scene(), this.tokens)],
        setCursor: [(chart) => this.tellCursor(chart, parts)]
      }
    };
  }

  private line(): uPlot.Series {
    return {
      stroke: () => this.tokens.trace,
      width: 1.3,
      points: { show: false },
      pxAlign: 0,
      paths: () => this.paths()
    };
  }

  private paths(): uPlot.Series.Paths {
    const stroke = new Path2D();
    strokeTrace(stroke, this.trace, scalesOf(this.area()));
    return { stroke, fill: null, clip: null, band: null, flags: 0 };
  }

  private timeAxis(): uPlot.Axis {
    return {
      size: TIME_AXIS_PX,
      gap: 3,
      font: FONT,
      stroke: () => this.tokens.dim,
      grid: { show: false },
      ticks: { show: false },
      splits: (chart) => timeSplits(this.fromMs, this.toMs, chart.width - valueAxisPx(chart.width), 64),
      values: (_, splits) => splits.map((ms) => this.timeLabelInside(ms))
    };
  }

  /** A label cut off at the edge is left out. */
  private timeLabelInside(ms: number): string {
    const span = this.toMs - this.fromMs;
    const half = (28 / Math.max(1, this.chart.width - valueAxisPx(this.chart.width))) * span;
    return ms - half < this.fromMs || ms + half > this.toMs + half ? '' : timeLabel(ms, span);
  }

  private valueAxis(): uPlot.Axis {
    return {
      side: 1,
      size: (chart) => valueAxisPx(chart.width),
      gap: 6,
      font: FONT,
      stroke: () => this.tokens.dim,
      grid: { stroke: () => this.tokens.line, width: 1 },
      ticks: { show: false },
      splits: (chart) =>
        valueSplits(this.range.bottom, this.range.top, Math.max(2, Math.min(5, chart.height / 30))),
      values: (_, splits) => valueLabels(splits)
    };
  }

  private tellCursor(chart: uPlot, parts: PlotParts): void {
    const left = chart.cursor.left ?? -1;
    if (left < 0) parts.onCursor(null, false);
    else parts.onCursor(chart.posToVal(left, 'x'), parts.host.matches(':hover'));
  }

  private area(): Area {
    const { left, top, width, height } = this.chart.bbox;
    const { fromMs, toMs } = this;
    return {
      left,
      top,
      width,
      height,
      fromMs,
      toMs,
      bottom: this.range.bottom,
      upper: this.range.top,
      ratio: uPlot.pxRatio
    };
  }

  private scene(): Scene {
    const { columns, trace, level, hotFromMs } = this;
    return { columns, trace, level, hotFromMs };
  }

  /** Pixel columns of the plot itself. */
  get columnsPx(): number {
    return Math.max(1, Math.min(2000, Math.round(this.chart.bbox.width)));
  }

  /** How long a CSS pixel lasts. */
  get pixelMs(): number {
    return ((this.toMs - this.fromMs) * uPlot.pxRatio) / Math.max(1, this.chart.bbox.width);
  }

  /** Brings the picture up to date; says whether it had to be painted. */
  update(state: PlotState): boolean {
    const width = this.chart.bbox.width;
    const axis = inPixels(state.fromMs, state.toMs, width, state.everyMs);
    if (state.changed) this.waiting = true;
    const moved = !sameAxis(axis, { fromMs: this.fromMs, toMs: this.toMs }, width);
    const told =
      state.level !== this.level ||
      !Object.is(state.hotFromMs, this.hotFromMs) ||
      this.columns.noted !== this.noted;
    const due = this.waiting && state.nowMs - this.paintedAt >= POINTS_EVERY_MS;
    if (!this.stale && !moved && !told && !due) return false;
    this.level = state.level;
    this.hotFromMs = state.hotFromMs;
    this.noted = this.columns.noted;
    if (moved) ({ fromMs: this.fromMs, toMs: this.toMs } = axis);
    if (this.waiting || this.stale)
      this.trace.fill(this.columns, (this.toMs - this.fromMs) / Math.max(1, width));
    this.range.follow(this.trace.bottom, this.trace.top);
    this.stale = false;
    this.waiting = false;
    this.paintedAt = state.nowMs;
    this.paint();
    return true;
  }

  private paint(): void {
    this.drawn++;
    this.chart.batch(() => {
      this.chart.setData(this.data, false);
      this.chart.setScale('x', { min: this.fromMs, max: this.toMs });
      this.chart.setScale('y', { min: this.range.bottom, max: this.range.top });
    });
  }

  /** Another span or place: the vertical range starts anew too. */
  restart(): void {
    this.columns.clear();
    this.range.reset();
    this.stale = true;
  }

  resize(width: number, height: number): void {
    if (width !== this.chart.width || height !== this.chart.height) this.chart.setSize({ width, height });
  }

  setTokens(tokens: Tokens): void {
    this.tokens = tokens;
    this.chart.redraw(false, true);
  }

  destroy(): void {
    this.chart.destroy();
  }
}
