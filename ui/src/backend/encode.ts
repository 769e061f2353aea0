/** Writes frames as the engine does; the fake engine and the tests use it, so that the real decoder always runs. */
import { HEADER_BYTES, MAGIC, panelBytes, type PanelFrame } from './frame';

export interface FrameToEncode {
  nowMs: number;
  fromMs: number;
  toMs: number;
  panels: PanelFrame[];
}

export function emptyPanel(series: number): PanelFrame {
  const none = new Float64Array(0);
  return {
    series,
    flags: 0,
    level: 0,
    bucketMs: 1000,
    cursor: 0,
    last: NaN,
    lastMs: NaN,
    starts: none,
    min: none,
    max: none,
    low: none,
    high: none,
    gapFrom: none,
    gapTo: none,
    gapCause: new Uint32Array(0),
    markMs: none,
    markValue: none,
    markLevel: new Uint32Array(0)
  };
}

function writePanel(buffer: ArrayBuffer, at: number, panel: PanelFrame): number {
  const view = new DataView(buffer, at);
  view.setUint32(0, panel.series, true);
  view.setUint32(4, panel.flags, true);
  view.setUint32(8, panel.starts.length, true);
  view.setUint32(12, panel.gapFrom.length, true);
  view.setUint32(16, panel.markMs.length, true);
  view.setUint32(20, panel.level, true);
  view.setFloat64(24, panel.bucketMs, true);
  view.setFloat64(32, panel.cursor, true);
  view.setFloat64(40, panel.last, true);
  view.setFloat64(48, panel.lastMs, true);
  let place = at + 56;
  const doubles = (part: Float64Array): void => {
    new Float64Array(buffer, place, part.length).set(part);
    place += part.length * 8;
  };
  const words = (part: Uint32Array): void => {
    new Uint32Array(buffer, place, part.length).set(part);
    place += Math.ceil(part.length / 2) * 8;
  };
  for (const part of [panel.starts, panel.min, panel.max, panel.low, panel.high]) doubles(part);
  doubles(panel.gapFrom);
  doubles(panel.gapTo);
  words(panel.gapCause);
  doubles(panel.markMs);
  doubles(panel.markValue);
  words(panel.markLevel);
  return place;
}

export function encodeFrame(frame: FrameToEncode): ArrayBuffer {
  let size = HEADER_BYTES;
  for (const panel of frame.panels) {
    size += panelBytes(panel.starts.length, panel.gapFrom.length, panel.markMs.length);
  }
  const buffer = new ArrayBuffer(size);
  const view = new DataView(buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, frame.panels.length, true);
  view.setFloat64(8, frame.nowMs, true);
  view.setFloat64(16, frame.fromMs, true);
  view.setFloat64(24, frame.toMs, true);
  let at = HEADER_BYTES;
  for (const panel of frame.panels) at = writePanel(buffer, at, panel);
  return buffer;
}
