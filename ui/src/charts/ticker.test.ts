import { describe, expect, it } from 'vitest';

import { emptyPanel, encodeFrame } from '../backend/encode';
import type { PanelFrame } from '../backend/frame';
import type { FrameRequest } from '../bindings/FrameRequest';
import { Ticker, type TickPanel } from './ticker';

/** A page whose clock and timers the test turns by hand. */
class Bench {
  now = 0;
  hidden = false;
  readonly asked: FrameRequest[] = [];
  readonly troubles: unknown[] = [];
  private answers: {
    resolve(buffer: ArrayBuffer): void;
    reject(error: unknown): void;
    request: FrameRequest;
  }[] = [];
  private timers: { at: number; run: () => void }[] = [];
  readonly ticker = new Ticker({
    frame: (request) => {
      this.asked.push(request);
      return new Promise((resolve, reject) => this.answers.push({ resolve, reject, request }));
    },
    clock: () => this.now,
    later: (ms, run) => {
      const timer = { at: this.now + ms, run };
      this.timers.push(timer);
      return () => (this.timers = this.timers.filter((other) => other !== timer));
    },
    hidden: () => this.hidden,
    onTrouble: (trouble) => this.troubles.push(trouble)
  });

  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const due = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.now = Math.max(this.now, due.at);
      due.run();
    }
    this.now = end;
  }

  async answer(cursor = 1): Promise<void> {
    const { resolve, request } = this.answers.shift()!;
    const panels = request.panels.map(({ series }) => ({ ...emptyPanel(series), cursor }));
    resolve(encodeFrame({ nowMs: 10, fromMs: 0, toMs: 10, panels }));
    await settle();
  }

  async answerWith(buffer: ArrayBuffer): Promise<void> {
    this.answers.shift()!.resolve(buffer);
    await settle();
  }

  async refuse(): Promise<void> {
    this.answers.shift()!.reject(new Error('no'));
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await Promise.resolve();
}

function panel(series: number, columns = 100): TickPanel & { took: PanelFrame[]; wholes: boolean[] } {
  const took: PanelFrame[] = [];
  const wholes: boolean[] = [];
  return {
    series,
    columns,
    cursor: null,
    epoch: 0,
    took,
    wholes,
    take: (part, _, whole) => {
      took.push(part);
      wholes.push(whole);
    }
  };
}

describe('Ticker', () => {
  it('asks_one_frame_for_all_visible_panels', async () => {
    const bench = new Bench();
    const [a, b, unseen] = [panel(1), panel(2), panel(3, 0)];
    for (const one of [a, b, unseen]) bench.ticker.add(one);
    bench.ticker.start();
    await bench.pass(0);
    expect(bench.asked).toEqual([
      {
        span_ms: 300_000,
        until_ms: null,
        panels: [
          { series: 1, columns: 100, cursor: null },
          { series: 2, columns: 100, cursor: null }
        ]
      }
    ]);
    await bench.answer(42);
    expect([a.took.length, b.took.length, unseen.took.length]).toEqual([1, 1, 0]);
    await bench.pass(100);
    expect(bench.asked[1]!.panels.map(({ cursor }) => cursor)).toEqual([42, 42]);
    expect(a.wholes).toEqual([true]);
  });

  it('never_has_two_frames_in_flight', async () => {
    const bench = new Bench();
    bench.ticker.add(panel(1));
    bench.ticker.start();
    await bench.pass(2000);
    bench.ticker.show(60_000, null);
    await bench.pass(500);
    expect(bench.asked).toHaveLength(1);
  });

  it('keeps_to_the_chosen_rate', async () => {
    const bench = new Bench();
    bench.ticker.hz = 5;
    bench.ticker.add(panel(1));
    bench.ticker.start();
    await bench.pass(0);
    for (let i = 0; i < 10; i++) {
      await bench.answer();
      await bench.pass(200);
    }
    expect(bench.asked).toHaveLength(11);
  });

  it('a_hidden_page_asks_nothing', async () => {
    const bench = new Bench();
    bench.ticker.add(panel(1));
    bench.hidden = true;
    bench.ticker.start();
    await bench.pass(5000);
    expect(bench.asked).toHaveLength(0);
    bench.hidden = false;
    bench.ticker.wake();
    await bench.pass(0);
    expect(bench.asked).toHaveLength(1);
  });

  it('an_answer_for_another_span_is_thrown_away', async () => {
    const bench = new Bench();
    const one = panel(1);
    bench.ticker.add(one);
    bench.ticker.start();
    await bench.pass(0);
    bench.ticker.show(60_000, 5);
    await bench.answer();
    expect(one.took).toHaveLength(0);
    await bench.pass(0);
    expect(bench.asked[1]).toMatchObject({ span_ms: 60_000, until_ms: 5, panels: [{ cursor: null }] });
  });

  it('an_answer_for_another_width_is_thrown_away', async () => {
    const bench = new Bench();
    const one = panel(1);
    bench.ticker.add(one);
    bench.ticker.start();
    await bench.pass(0);
    one.epoch++;
    await bench.answer();
    expect(one.took).toHaveLength(0);
    expect(one.cursor).toBe(null);
  });

  it('a_bad_frame_is_told_and_asked_again', async () => {
    const bench = new Bench();
    bench.ticker.add(panel(1));
    bench.ticker.start();
    await bench.pass(0);
    await bench.answerWith(new ArrayBuffer(3));
    expect(bench.troubles).toMatchObject([{ reason: 'too_short' }]);
    expect(bench.ticker.owedSince).toBe(0);
    await bench.pass(500);
    await bench.refuse();
    expect(bench.troubles).toHaveLength(2);
    await bench.pass(500);
    await bench.answer();
    expect(bench.ticker.owedSince).toBe(null);
  });

  it('a_chart_that_cannot_be_drawn_stops_no_other', async () => {
    const bench = new Bench();
    const [bad, good] = [panel(1), panel(2)];
    bad.take = () => {
      throw new Error('no canvas');
    };
    bench.ticker.add(bad);
    bench.ticker.add(good);
    bench.ticker.start();
    await bench.pass(0);
    await bench.answer(42);
    expect(good.took).toHaveLength(1);
    expect([bad.cursor, good.cursor]).toEqual([null, 42]);
    expect(bench.troubles).toHaveLength(1);
  });

  it('gives_up_a_frame_that_does_not_come', async () => {
    const bench = new Bench();
    bench.ticker.add(panel(1));
    bench.ticker.start();
    await bench.pass(3000);
    expect(bench.asked).toHaveLength(2);
    expect(bench.ticker.owedSince).toBe(0);
  });
});
