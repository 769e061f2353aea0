/** Where the lines of the axes lie, and what stands beside them. */
import { clockTime, formatNumber, hourMinute } from './format';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const STEPS = [
  5 * SECOND,
  10 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  4 * HOUR,
  6 * HOUR,
  12 * HOUR,
  24 * HOUR
];

/** Local times that are whole steps of the clock, as many as there is room for. */
export function timeSplits(fromMs: number, toMs: number, widthPx: number, labelPx: number): number[] {
  const room = Math.max(1, Math.floor(widthPx / labelPx));
  const step = STEPS.find((candidate) => (toMs - fromMs) / candidate <= room) ?? 24 * HOUR;
  const offset = new Date(toMs).getTimezoneOffset() * MINUTE;
  const splits: number[] = [];
  for (let at = Math.ceil((fromMs - offset) / step) * step + offset; at <= toMs; at += step) splits.push(at);
  return splits;
}

export function timeLabel(ms: number, spanMs: number): string {
  return spanMs <= HOUR ? clockTime(ms) : hourMinute(ms);
}

/** Round values, about `lines` of them. */
export function valueSplits(bottom: number, top: number, lines: number): number[] {
  const rough = (top - bottom) / Math.max(1, lines);
  if (!(rough > 0) || !Number.isFinite(rough)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 2.5, 5, 10].map((k) => k * power).find((candidate) => candidate >= rough * 0.999) ?? rough;
  const splits: number[] = [];
  const first = Math.ceil(bottom / step);
  for (let k = first; k * step <= top && splits.length < 20; k++) splits.push(k * step);
  return splits;
}

/** The labels share their digits: as many as their distance asks for. */
export function valueLabels(splits: readonly number[]): string[] {
  const step = splits.length > 1 ? splits[1]! - splits[0]! : Math.abs(splits[0] ?? 1);
  const rough = step > 0 ? Math.max(0, -Math.floor(Math.log10(step))) : 0;
  const exact = Math.abs(step * 10 ** rough - Math.round(step * 10 ** rough)) < 1e-6 ? rough : rough + 1;
  const digits = Math.min(8, exact);
  const largest = Math.max(Math.abs(splits[0] ?? 0), Math.abs(splits[splits.length - 1] ?? 0));
  if (largest >= 1e6) return splits.map(short);
  return splits.map((value) => formatNumber(value === 0 ? 0 : value, digits));
}

function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e12) return value.toExponential(1);
  if (size >= 1e9) return `${formatNumber(value / 1e9, 2)} B`;
  return size >= 1e6 ? `${formatNumber(value / 1e6, 2)} M` : formatNumber(value, 0);
}
