/**
 * What is painted around uPlot's line: the expected band below it; holes, the abnormal stretch and marks above it.
 * One path per thing and panel; the band is one polygon per unbroken stretch, not a polygon per bucket.
 */
import { CAUSE_LOST } from '../backend/frame';
import { levelToken, type Tokens } from '../theme/theme';
import type { Columns } from './columns';
import { DOT_PX, strokeTrace, type Scales } from './strokes';
import type { Trace } from './trace';

/** The plot's rectangle in canvas pixels and its scales. */
export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
  fromMs: number;
  toMs: number;
  bottom: number;
  upper: number;
  /** Canvas pixels per CSS pixel. */
  ratio: number;
}

export interface Scene {
  columns: Columns;
  trace: Trace;
  level: number;
  /** From when on the line is abnormal; NaN: it is not. */
  hotFromMs: number;
}

type Context = CanvasRenderingContext2D;

const xOf = (area: Area, ms: number): number =>
  area.left + ((ms - area.fromMs) / (area.toMs - area.fromMs)) * area.width;
const yOf = (area: Area, value: number): number =>
  area.top + ((area.upper - value) / (area.upper - area.bottom)) * area.height;

export function scalesOf(area: Area): Scales {
  return {
    xOf: (ms) => xOf(area, ms),
    yOf: (value) => yOf(area, value),
    dot: DOT_PX * area.ratio
  };
}

function clipped(ctx: Context, area: Area, draw: () => void): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(area.left, area.top, area.width, area.height);
  ctx.clip();
  draw();
  ctx.restore();
}

export function drawBelow(ctx: Context, area: Area, scene: Scene, tokens: Tokens): void {
  clipped(ctx, area, () => {
    drawBand(ctx, area, scene.columns, tokens);
    drawHoles(ctx, area, scene.columns, tokens);
  });
}

export function drawAbove(ctx: Context, area: Area, scene: Scene, tokens: Tokens): void {
  clipped(ctx, area, () => {
    if (scene.level >= 2 && !Number.isNaN(scene.hotFromMs)) drawHot(ctx, area, scene, tokens);
    drawLost(ctx, area, scene.columns, tokens);
    drawMarks(ctx, area, scene.columns, tokens);
  });
}

function drawBand(ctx: Context, area: Area, columns: Columns, tokens: Tokens): void {
  const { starts, low, high, head, end } = columns;
  const half = columns.bucketMs / 2;
  ctx.fillStyle = tokens.band;
  ctx.beginPath();
  let i = head;
  while (i < end) {
    while (i < end && !(low[i]! <= high[i]!)) i++;
    const first = i;
    while (
      i < end &&
      low[i]! <= high[i]! &&
      (i === first || !holeBetween(columns, starts[i - 1]!, starts[i]!))
    ) {
      const x = xOf(area, starts[i]! + half);
      if (i === first) ctx.moveTo(x, yOf(area, high[i]!));
      else ctx.lineTo(x, yOf(area, high[i]!));
      i++;
    }
    for (let k = i - 1; k >= first; k--) ctx.lineTo(xOf(area, starts[k]! + half), yOf(area, low[k]!));
    if (i > first) ctx.closePath();
  }
  ctx.fill();
}

function holeBetween(columns: Columns, a: number, b: number): boolean {
  for (let g = 0; g < columns.gapFrom.length; g++) {
    if (columns.gapCause[g] === CAUSE_LOST) continue;
    if (columns.gapFrom[g]! < b && !(columns.gapTo[g]! < a)) return true;
  }
  return false;
}

function drawHoles(ctx: Context, area: Area, columns: Columns, tokens: Tokens): void {
  ctx.fillStyle = tokens.hover;
  for (let g = 0; g < columns.gapFrom.length; g++) {
    if (columns.gapCause[g] === CAUSE_LOST) continue;
    const x = xOf(area, columns.gapFrom[g]!);
    const to = columns.gapTo[g]!;
    const right = Number.isNaN(to) ? area.left + area.width : xOf(area, to);
    const width = Math.max(right - x, 2 * area.ratio);
    ctx.fillRect(x, area.top, width, area.height);
    hatch(ctx, area, x, width, tokens);
  }
}

/** Slanting strokes: a hole must be told from the panel without colour. */
function hatch(ctx: Context, area: Area, x: number, width: number, tokens: Tokens): void {
  const step = 7 * area.ratio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, area.top, width, area.height);
  ctx.clip();
  ctx.strokeStyle = tokens.faint;
  ctx.globalAlpha = 0.4;
  ctx.lineWidth = area.ratio;
  ctx.beginPath();
  const first = Math.max(x, area.left) - area.height;
  for (let at = first; at < Math.min(x + width, area.left + area.width); at += step) {
    ctx.moveTo(at, area.top + area.height);
    ctx.lineTo(at + area.height, area.top);
  }
  ctx.stroke();
  ctx.restore();
}

/** Messages lost while the connection stood: a tick at the lower edge. */
function drawLost(ctx: Context, area: Area, columns: Columns, tokens: Tokens): void {
  ctx.fillStyle = tokens.warn;
  for (let g = 0; g < columns.gapFrom.length; g++) {
    if (columns.gapCause[g] !== CAUSE_LOST) continue;
    const tall = 8 * area.ratio;
    const x = xOf(area, columns.gapFrom[g]!);
    ctx.fillRect(x - area.ratio, area.top + area.height - tall, 2 * area.ratio, tall);
  }
}

function drawHot(ctx: Context, area: Area, scene: Scene, tokens: Tokens): void {
  const { x, y } = scene.trace;
  const from = scene.hotFromMs - scene.columns.bucketMs / 2;
  let i = x.length;
  while (i > 0 && x[i - 1]! >= from) i--;
  // All of it is before: looking back, or the alarm is newer than its values.
  if (i === x.length) return;
  // One point earlier, so that the jump itself is coloured.
  if (i > 0 && y[i - 1] !== null) i--;
  ctx.strokeStyle = tokens[levelToken(scene.level)];
  ctx.lineWidth = 2 * area.ratio;
  ctx.lineJoin = 'round';
  ctx.beginPath();
  strokeTrace(ctx, scene.trace, scalesOf(area), i);
  ctx.stroke();
}

/** Triangle: critical. Diamond: warning. Smaller hollow diamond: worth knowing. */
function drawMarks(ctx: Context, area: Area, columns: Columns, tokens: Tokens): void {
  for (let m = 0; m < columns.markMs.length; m++) {
    const level = columns.markLevel[m]!;
    const place = xOf(area, columns.markMs[m]!);
    if (place < area.left - 10 || place > area.left + area.width + 10) continue;
    const value = columns.markValue[m]!;
    const size = (level >= 2 ? 5.5 : 4) * area.ratio;
    // What is fresh stands at the rim; it is not cut off there.
    const x = Math.min(place, area.left + area.width - size - 1);
    const wanted = Number.isFinite(value) ? yOf(area, value) : area.top + size;
    const y = Math.min(Math.max(wanted, area.top + size + 1), area.top + area.height - size - 1);
    ctx.beginPath();
    if (level >= 3) {
      ctx.moveTo(x, y - size);
      ctx.lineTo(x + size, y + size * 0.85);
      ctx.lineTo(x - size, y + size * 0.85);
    } else {
      ctx.moveTo(x, y - size);
      ctx.lineTo(x + size, y);
      ctx.lineTo(x, y + size);
      ctx.lineTo(x - size, y);
    }
    ctx.closePath();
    const colour = tokens[levelToken(level)];
    // An edge in the panel's colour keeps marks apart from the line and from each other.
    ctx.strokeStyle = level >= 2 ? tokens.card : colour;
    ctx.lineWidth = 1.5 * area.ratio;
    ctx.fillStyle = level >= 2 ? colour : tokens.card;
    ctx.stroke();
    ctx.fill();
  }
}
