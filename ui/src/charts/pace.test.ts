import { describe, expect, it } from 'vitest';

import { inPixels, Pace, PAINT_SHARE, sameAxis, SLOWEST_MS } from './pace';

describe('the axis', () => {
  it('moves_in_whole_pixels', () => {
    // 60 s on 300 pixels: 200 ms a pixel.
    const a = inPixels(1_000_010, 1_060_010, 300, 0);
    expect(a).toEqual({ fromMs: 1_000_200, toMs: 1_060_200 });
    expect(sameAxis(a, inPixels(1_000_190, 1_060_190, 300, 0), 300)).toBe(true);
    expect(sameAxis(a, inPixels(1_000_210, 1_060_210, 300, 0), 300)).toBe(false);
  });

  it('moves_by_several_at_once_where_pictures_are_farther_apart', () => {
    const edges = [0, 100, 300, 499, 500, 590].map((ms) => inPixels(ms, 60_000 + ms, 300, 500).toMs);
    expect(edges).toEqual([60_000, 60_600, 60_600, 60_600, 60_600, 60_600]);
  });

  it('is_another_with_another_span', () => {
    expect(sameAxis({ fromMs: 0, toMs: 60_000 }, { fromMs: 30_000, toMs: 60_000 }, 300)).toBe(false);
  });
});

describe('the pace', () => {
  /** Lets it run for 60 s with pictures that take so long; gives the share of the time that they took in the end. */
  function settle(pace: Pace, pictureMs: number, hz = 10): number {
    let now = 0;
    let spent = 0;
    while (now < 60_000) {
      now += pace.everyMs(hz);
      pace.took(pictureMs, now, hz);
      if (now > 40_000) spent += pictureMs;
    }
    return spent / 20_000;
  }

  it('is_that_of_the_settings_where_painting_is_cheap', () => {
    const pace = new Pace();
    settle(pace, 1);
    expect(pace.everyMs(10)).toBe(100);
    expect(pace.everyMs(30)).toBeCloseTo(33.3, 1);
  });

  it('is_slower_where_painting_would_take_too_much', () => {
    const pace = new Pace();
    const share = settle(pace, 40);
    expect(share).toBeLessThan(PAINT_SHARE * 1.15);
    expect(share).toBeGreaterThan(PAINT_SHARE * 0.5);
  });

  it('is_never_slower_than_once_a_second_and_recovers', () => {
    const pace = new Pace();
    settle(pace, 900);
    expect(pace.everyMs(10)).toBe(SLOWEST_MS);
    let now = 100_000;
    for (let i = 0; i < 300; i++) {
      now += pace.everyMs(10);
      pace.took(1, now, 10);
    }
    expect(pace.everyMs(10)).toBe(100);
  });
});
