import { describe, expect, it } from 'vitest';

import { emptyPanel, encodeFrame } from './encode';
import { decodeFrame, HEADER_BYTES, RESET, type Frame, type PanelFrame } from './frame';

function panel(part: Partial<PanelFrame> = {}): PanelFrame {
  return {
    ...emptyPanel(7),
    flags: RESET,
    level: 2,
    bucketMs: 250,
    cursor: 1500,
    last: 3.5,
    lastMs: 1600,
    starts: Float64Array.of(1000, 1250, 1500),
    min: Float64Array.of(1, 2, 3),
    max: Float64Array.of(2, 3, 4),
    low: Float64Array.of(NaN, 1, 2),
    high: Float64Array.of(NaN, 4, 5),
    gapFrom: Float64Array.of(1100),
    gapTo: Float64Array.of(NaN),
    gapCause: Uint32Array.of(3),
    markMs: Float64Array.of(1250, 1300, 1400),
    markValue: Float64Array.of(3, 3, 3),
    markLevel: Uint32Array.of(1, 2, 3),
    ...part
  };
}

const bytes = (...panels: PanelFrame[]): ArrayBuffer =>
  encodeFrame({ nowMs: 2000, fromMs: 1000, toMs: 2000, panels });

describe('decodeFrame', () => {
  it('gives_back_what_was_encoded', () => {
    const frame = decodeFrame(
      bytes(
        panel(),
        panel({
          series: 8,
          level: 0,
          gapFrom: Float64Array.of(),
          gapTo: Float64Array.of(),
          gapCause: Uint32Array.of()
        })
      )
    );
    expect(frame).toEqual({
      ok: true,
      nowMs: 2000,
      fromMs: 1000,
      toMs: 2000,
      panels: [
        panel(),
        panel({
          series: 8,
          level: 0,
          gapFrom: Float64Array.of(),
          gapTo: Float64Array.of(),
          gapCause: Uint32Array.of()
        })
      ]
    });
  });

  it('reads_the_layout_byte_by_byte', () => {
    // Written by hand from the table in frame.rs, not by our encoder.
    const view = new DataView(new ArrayBuffer(32 + 56 + 40 + 24));
    view.setUint32(0, 0x31574646, true);
    view.setUint32(4, 1, true);
    [50, 40, 60].forEach((value, i) => view.setFloat64(8 + 8 * i, value, true));
    [9, 1, 1, 1, 0, 3].forEach((value, i) => view.setUint32(32 + 4 * i, value, true));
    [10, 45, 1.25, 44].forEach((value, i) => view.setFloat64(56 + 8 * i, value, true));
    [41, 1, 2, 0, 3, 42, 43].forEach((value, i) => view.setFloat64(88 + 8 * i, value, true));
    view.setUint32(88 + 56, 2, true);
    const frame = decodeFrame(view.buffer) as Frame;
    expect(frame.ok).toBe(true);
    expect(frame.panels[0]).toMatchObject({
      series: 9,
      flags: 1,
      level: 3,
      bucketMs: 10,
      cursor: 45,
      last: 1.25,
      lastMs: 44
    });
    expect([...frame.panels[0]!.starts, ...frame.panels[0]!.min, ...frame.panels[0]!.max]).toEqual([
      41, 1, 2
    ]);
    expect([...frame.panels[0]!.low, ...frame.panels[0]!.high]).toEqual([0, 3]);
    expect([...frame.panels[0]!.gapFrom, ...frame.panels[0]!.gapTo, ...frame.panels[0]!.gapCause]).toEqual([
      42, 43, 2
    ]);
  });

  it('says_what_is_wrong_with_any_cut_frame', () => {
    const whole = bytes(panel(), panel());
    for (let length = 0; length < whole.byteLength; length++) {
      const frame = decodeFrame(whole.slice(0, length));
      expect(frame.ok).toBe(false);
      if (!frame.ok) expect(frame.reason).toBe(length < HEADER_BYTES ? 'too_short' : 'truncated');
    }
  });

  it('never_throws_on_hostile_bytes', () => {
    let state = 12345;
    const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0);
    for (let round = 0; round < 2000; round++) {
      const bad = new Uint8Array(bytes(panel()).slice(0));
      for (let k = 0; k < 4; k++) bad[random() % bad.length] = random() & 255;
      expect(typeof decodeFrame(bad.buffer).ok).toBe('boolean');
    }
  });

  it('does_not_believe_huge_counts', () => {
    for (const at of [8, 12, 16]) {
      const bad = bytes(panel());
      new DataView(bad).setUint32(HEADER_BYTES + at, 0xffffffff, true);
      expect(decodeFrame(bad)).toMatchObject({ ok: false, reason: 'truncated' });
    }
    const many = bytes(panel());
    new DataView(many).setUint32(4, 65, true);
    expect(decodeFrame(many)).toMatchObject({ ok: false, reason: 'too_many_panels' });
  });

  it('refuses_what_cannot_be_drawn', () => {
    expect(decodeFrame(bytes(panel({ starts: Float64Array.of(1000, 1000, 1500) })))).toMatchObject({
      reason: 'not_ascending'
    });
    expect(decodeFrame(bytes(panel({ starts: Float64Array.of(1000, NaN, 1500) })))).toMatchObject({
      reason: 'not_ascending'
    });
    expect(decodeFrame(bytes(panel({ bucketMs: 0 })))).toMatchObject({ reason: 'bad_bucket' });
    expect(decodeFrame(encodeFrame({ nowMs: 1, fromMs: 5, toMs: 5, panels: [] }))).toMatchObject({
      reason: 'bad_span'
    });
    expect(decodeFrame(new ArrayBuffer(40))).toMatchObject({ reason: 'bad_magic' });
  });
});
