/** The strip below the charts: density bars, event marks, the window that the charts show, hours below. */
import type { Level } from '../bindings/Level';
import type { Timeline } from '../bindings/Timeline';
import type { TimelineEvent } from '../bindings/TimelineEvent';
import { hourMinute } from '../charts/format';
import { levelToken, type Tokens } from '../theme/theme';

export const DAY_MS = 86_400_000;
export const BAR_PX = 3;
const STRIP_PX = 28;
const HOUR_MS = 3_600_000;
const ORDER: Record<Level, number> = { ok: 0, info: 1, warning: 2, critical: 3 };

export interface StripView {
  width: number;
  fromMs: number;
  toMs: number;
  /** The span of the charts. */
  windowFromMs: number;
  windowToMs: number;
}

export function timeAt(view: StripView, x: number): number {
  return view.fromMs + (Math.max(0, Math.min(view.width, x)) / view.width) * (view.toMs - view.fromMs);
}

/** The event nearest to a place, within a few pixels. */
export function eventNear(
  view: StripView,
  events: readonly TimelineEvent[],
  x: number
): TimelineEvent | null {
  let best: TimelineEvent | null = null;
  let distance = 5;
  for (const event of events) {
    const away = Math.abs(placeOf(view, event.at_ms) - x);
    if (away < distance || (away === distance && best !== null && ORDER[event.level] > ORDER[best.level])) {
      best = event;
      distance = away;
    }
  }
  return best;
}

function placeOf(view: StripView, ms: number): number {
  return ((ms - view.fromMs) / (view.toMs - view.fromMs)) * view.width;
}

export function drawStrip(
  canvas: HTMLCanvasElement,
  view: StripView,
  timeline: Timeline | null,
  tokens: Tokens
): void {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const width = Math.round(view.width * ratio);
  const height = Math.round(44 * ratio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const ctx = canvas.getContext('2d');
  if (ctx === null) return;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, view.width, 44);
  ctx.fillStyle = tokens.card;
  ctx.fillRect(0, 0, view.width, STRIP_PX);
  if (timeline !== null) {
    drawDensity(ctx, view, timeline, tokens);
    drawEvents(ctx, view, timeline.events, tokens);
  }
  drawWindow(ctx, view, tokens);
  drawHours(ctx, view, tokens);
}

function drawDensity(
  ctx: CanvasRenderingContext2D,
  view: StripView,
  timeline: Timeline,
  tokens: Tokens
): void {
  const { density, from_ms, to_ms } = timeline;
  const slot = (to_ms - from_ms) / Math.max(1, density.length);
  let most = 1;
  for (const count of density) if (count > most) most = count;
  ctx.fillStyle = tokens.line;
  for (let i = 0; i < density.length; i++) {
    const count = density[i]!;
    if (count <= 0) continue;
    // The square root keeps quiet hours to be seen beside busy ones.
    const tall = 3 + (STRIP_PX - 8) * Math.sqrt(count / most);
    const x = placeOf(view, from_ms + i * slot);
    ctx.fillRect(x, STRIP_PX - tall, Math.max(1, (slot / (view.toMs - view.fromMs)) * view.width - 1), tall);
  }
}

function drawEvents(
  ctx: CanvasRenderingContext2D,
  view: StripView,
  events: readonly TimelineEvent[],
  tokens: Tokens
): void {
  for (const level of ['ok', 'info', 'warning', 'critical'] as const) {
    ctx.fillStyle = tokens[levelToken(level)];
    // Higher bars matter more: told apart without colour too.
    const tall = level === 'critical' ? STRIP_PX : level === 'warning' ? STRIP_PX - 6 : STRIP_PX - 12;
    for (const event of events) {
      if (event.level !== level) continue;
      ctx.fillRect(Math.round(placeOf(view, event.at_ms)) - 1, STRIP_PX - tall, 2, tall);
    }
  }
}

function drawWindow(ctx: CanvasRenderingContext2D, view: StripView, tokens: Tokens): void {
  const left = placeOf(view, view.windowFromMs);
  const right = placeOf(view, view.windowToMs);
  const wide = Math.max(6, right - left);
  ctx.strokeStyle = tokens.text;
  ctx.lineWidth = 1;
  ctx.strokeRect(
    Math.round(Math.max(0, right - wide)) + 0.5,
    0.5,
    Math.round(Math.min(wide, view.width)) - 1,
    STRIP_PX - 1
  );
}

function drawHours(ctx: CanvasRenderingContext2D, view: StripView, tokens: Tokens): void {
  ctx.fillStyle = tokens.dim;
  ctx.font = '11px Inter, "DejaVu Sans", system-ui, sans-serif';
  ctx.textBaseline = 'alphabetic';
  const step = 3 * HOUR_MS;
  const offset = new Date(view.toMs).getTimezoneOffset() * 60_000;
  for (let at = Math.ceil((view.fromMs - offset) / step) * step + offset; at < view.toMs; at += step) {
    const x = placeOf(view, at);
    ctx.fillRect(Math.round(x), STRIP_PX, 1, 3);
    if (x > 14 && x < view.width - 18) {
      const label = hourMinute(at);
      ctx.fillText(label, x - ctx.measureText(label).width / 2, 41);
    }
  }
}
