/**
 * The one tick loop. At most `hz` times a second, and only while the page is seen, it asks for ONE frame with all visible
 * panels, never for a second one before the first has come, and hands each panel its part.
 */
import type { FrameRequest } from '../bindings/FrameRequest';
import { decodeFrame, MAX_PANELS, type Frame, type FrameError, type PanelFrame } from '../backend/frame';
import { Pace } from './pace';

/** What a panel on the screen lends to the loop. */
export interface TickPanel {
  readonly series: number;
  /** Pixel columns; 0: not seen, nothing is asked. */
  columns: number;
  /** `null`: everything is wanted. */
  cursor: number | null;
  /** Goes up when what was asked before no longer fits. */
  epoch: number;
  /** Takes its part; `whole`: no cursor had been given; `everyMs`: how far apart frames are. */
  take(part: PanelFrame, frame: Frame, whole: boolean, everyMs: number): void;
}

export interface TickerParts {
  frame(request: FrameRequest): Promise<ArrayBuffer>;
  /** Milliseconds, of any origin, never going back. */
  clock(): number;
  /** Calls back after so many milliseconds, at the next moment to draw. */
  later(ms: number, run: () => void): () => void;
  hidden(): boolean;
  onFrame?(frame: Frame): void;
  onTrouble?(trouble: FrameError | unknown): void;
}

const PAUSED_MS = 1000;
const RETRY_MS = 500;
/** A frame that has not come by then is given up and asked again. */
const GIVE_UP_MS = 3000;

export class Ticker {
  hz = 10;
  /** Since when a frame is owed; `null`: none is. */
  owedSince: number | null = null;
  private readonly panels = new Set<TickPanel>();
  private readonly pace = new Pace();
  private spanMs = 300_000;
  private untilMs: number | null = null;
  private epoch = 0;
  private flight = 0;
  private inFlight = false;
  private cancel: (() => void) | null = null;
  private running = false;

  constructor(private readonly parts: TickerParts) {}

  add(panel: TickPanel): () => void {
    this.panels.add(panel);
    return () => this.panels.delete(panel);
  }

  /** Another span or another right edge: all panels start anew. */
  show(spanMs: number, untilMs: number | null): void {
    if (spanMs === this.spanMs && untilMs === this.untilMs) return;
    this.spanMs = spanMs;
    this.untilMs = untilMs;
    this.epoch++;
    for (const panel of this.panels) panel.cursor = null;
    // With a frame in flight its end starts the next one at once.
    if (this.running && !this.inFlight) this.schedule(0);
  }

  start(): void {
    this.running = true;
    this.schedule(0);
  }

  stop(): void {
    this.running = false;
    this.cancel?.();
    this.owedSince = null;
    this.flight++;
  }

  /** The page became visible again: what was owed before does not count. */
  wake(): void {
    this.owedSince = null;
    this.flight++;
    if (this.running) this.schedule(0);
  }

  private schedule(ms: number): void {
    this.cancel?.();
    this.cancel = this.parts.later(ms, () => void this.tick());
  }

  private async tick(): Promise<void> {
    if (!this.running || this.parts.hidden()) return;
    const interval = this.interval();
    const asked: TickPanel[] = [];
    for (const panel of this.panels) if (panel.columns > 0 && asked.length < MAX_PANELS) asked.push(panel);
    if (asked.length === 0) {
      this.owedSince = null;
      this.schedule(Math.min(interval, 200));
      return;
    }
    const begun = this.parts.clock();
    this.owedSince ??= begun;
    const flight = ++this.flight;
    const epoch = this.epoch;
    this.inFlight = true;
    const giveUp = this.parts.later(GIVE_UP_MS, () => this.giveUp(flight));
    const worked = await this.ask(asked, flight);
    giveUp();
    if (flight !== this.flight) return;
    this.inFlight = false;
    if (!this.running) return;
    if (epoch !== this.epoch) return this.schedule(0);
    this.schedule(worked ? Math.max(0, interval - (this.parts.clock() - begun)) : RETRY_MS);
  }

  private interval(): number {
    const every = this.pace.everyMs(this.hz);
    return this.untilMs === null ? every : Math.max(PAUSED_MS, every);
  }

  private giveUp(flight: number): void {
    if (flight !== this.flight || !this.running) return;
    this.flight++;
    this.schedule(0);
  }

  private async ask(asked: TickPanel[], flight: number): Promise<boolean> {
    const epoch = this.epoch;
    const epochs = asked.map((panel) => panel.epoch);
    const panels = asked.map(({ series, columns, cursor }) => ({ series, columns, cursor }));
    try {
      const buffer = await this.parts.frame({ span_ms: this.spanMs, until_ms: this.untilMs, panels });
      if (flight !== this.flight) return false;
      const frame = decodeFrame(buffer);
      if (!frame.ok) {
        this.parts.onTrouble?.(frame);
        return false;
      }
      this.owedSince = null;
      if (epoch !== this.epoch) return true;
      this.deal(asked, epochs, panels, frame);
      return true;
    } catch (error) {
      this.parts.onTrouble?.(error);
      return false;
    }
  }

  private deal(asked: TickPanel[], epochs: number[], requests: FrameRequest['panels'], frame: Frame): void {
    this.parts.onFrame?.(frame);
    const everyMs = this.untilMs === null ? this.pace.everyMs(this.hz) : 0;
    const begun = this.parts.clock();
    for (let i = 0; i < frame.panels.length && i < asked.length; i++) {
      const panel = asked[i]!;
      const part = frame.panels[i]!;
      if (panel.series !== part.series || panel.epoch !== epochs[i] || !this.panels.has(panel)) continue;
      panel.cursor = part.cursor;
      try {
        panel.take(part, frame, requests[i]!.cursor === null, everyMs);
      } catch (error) {
        // One chart that cannot be drawn must not stop the others; it starts anew.
        panel.cursor = null;
        this.parts.onTrouble?.(error);
      }
    }
    const ended = this.parts.clock();
    this.pace.took(ended - begun, ended, this.hz);
  }
}

/** The parts of a real page: a timer until the tick is due, then the next moment to draw. */
export function later(ms: number, run: () => void): () => void {
  let frame = 0;
  const timer = setTimeout(() => {
    frame = requestAnimationFrame(run);
  }, ms);
  return () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
  };
}
