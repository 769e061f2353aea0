/**
 * Reads the binary frame that `engine/src/frame.rs` writes: header of 32 bytes, then per panel a header of 56 bytes and
 * its columns; little-endian, every block at a multiple of 8 bytes. The arrays are views into the buffer, nothing is
 * copied. Bytes that do not fit give a {@link FrameError}, never an exception.
 */

export const MAGIC = 0x31574646;
export const HEADER_BYTES = 32;
export const PANEL_BYTES = 56;
export const MAX_PANELS = 64;

export const RESET = 1;
export const RECEIVE_TIME = 2;
export const NO_SERIES = 4;
export const NO_HISTORY = 8;

/** Causes of a gap, by number. */
export const GAP_CAUSES = [
  'Connection lost',
  'Not reachable',
  'Console stopped',
  'Messages lost',
  'Dropped here',
  'History not written',
  'No message came',
  'Cut for a drill'
] as const;
export const CAUSE_LOST = 3;

export interface PanelFrame {
  series: number;
  flags: number;
  /** 0 ok, 1 info, 2 warning, 3 critical. */
  level: number;
  bucketMs: number;
  cursor: number;
  /** NaN: none. */
  last: number;
  lastMs: number;
  starts: Float64Array;
  min: Float64Array;
  max: Float64Array;
  low: Float64Array;
  high: Float64Array;
  gapFrom: Float64Array;
  gapTo: Float64Array;
  gapCause: Uint32Array;
  markMs: Float64Array;
  markValue: Float64Array;
  markLevel: Uint32Array;
}

export interface Frame {
  ok: true;
  nowMs: number;
  fromMs: number;
  toMs: number;
  panels: PanelFrame[];
}

export interface FrameError {
  ok: false;
  /** What did not fit, and at which byte. */
  reason:
    'too_short' | 'bad_magic' | 'bad_span' | 'too_many_panels' | 'truncated' | 'bad_bucket' | 'not_ascending';
  at: number;
}

function fail(reason: FrameError['reason'], at: number): FrameError {
  return { ok: false, reason, at };
}

const padded = (words: number): number => (words * 4 + 7) & ~7;

/** Bytes of one panel with so many points, gaps and marks. */
export function panelBytes(points: number, gaps: number, marks: number): number {
  return PANEL_BYTES + points * 40 + gaps * 16 + padded(gaps) + marks * 16 + padded(marks);
}

function ascending(starts: Float64Array): boolean {
  let before = -Infinity;
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i]!;
    // Written so that NaN fails too.
    if (!(start > before)) return false;
    before = start;
  }
  return before < Infinity;
}

function readPanel(view: DataView, at: number): { panel: PanelFrame; end: number } | FrameError {
  if (at + PANEL_BYTES > view.byteLength) return fail('truncated', at);
  const points = view.getUint32(at + 8, true);
  const gaps = view.getUint32(at + 12, true);
  const marks = view.getUint32(at + 16, true);
  // Sums of u32 times a small number stay exact in a double: no overflow can make a lie fit.
  const end =
    at +
    PANEL_BYTES +
    points * 40 +
    gaps * 16 +
    Math.ceil(gaps / 2) * 8 +
    marks * 16 +
    Math.ceil(marks / 2) * 8;
  if (end > view.byteLength) return fail('truncated', at);
  const buffer = view.buffer as ArrayBuffer;
  let place = at + PANEL_BYTES;
  const doubles = (count: number): Float64Array => {
    const part = new Float64Array(buffer, place, count);
    place += count * 8;
    return part;
  };
  const words = (count: number): Uint32Array => {
    const part = new Uint32Array(buffer, place, count);
    place += padded(count);
    return part;
  };
  const panel: PanelFrame = {
    series: view.getUint32(at, true),
    flags: view.getUint32(at + 4, true),
    level: Math.min(view.getUint32(at + 20, true), 3),
    bucketMs: view.getFloat64(at + 24, true),
    cursor: view.getFloat64(at + 32, true),
    last: view.getFloat64(at + 40, true),
    lastMs: view.getFloat64(at + 48, true),
    starts: doubles(points),
    min: doubles(points),
    max: doubles(points),
    low: doubles(points),
    high: doubles(points),
    gapFrom: doubles(gaps),
    gapTo: doubles(gaps),
    gapCause: words(gaps),
    markMs: doubles(marks),
    markValue: doubles(marks),
    markLevel: words(marks)
  };
  if (points > 0 && !(panel.bucketMs > 0 && panel.bucketMs < Infinity)) return fail('bad_bucket', at + 24);
  if (!ascending(panel.starts)) return fail('not_ascending', at + PANEL_BYTES);
  return { panel, end };
}

export function decodeFrame(buffer: ArrayBuffer): Frame | FrameError {
  if (buffer.byteLength < HEADER_BYTES) return fail('too_short', buffer.byteLength);
  const view = new DataView(buffer);
  if (view.getUint32(0, true) !== MAGIC) return fail('bad_magic', 0);
  const count = view.getUint32(4, true);
  if (count > MAX_PANELS) return fail('too_many_panels', 4);
  const nowMs = view.getFloat64(8, true);
  const fromMs = view.getFloat64(16, true);
  const toMs = view.getFloat64(24, true);
  if (!Number.isFinite(nowMs) || !Number.isFinite(fromMs) || !Number.isFinite(toMs) || !(toMs > fromMs)) {
    return fail('bad_span', 8);
  }
  const panels: PanelFrame[] = [];
  let at = HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const read = readPanel(view, at);
    if ('ok' in read) return read;
    panels.push(read.panel);
    at = read.end;
  }
  return { ok: true, nowMs, fromMs, toMs, panels };
}
