/** Joins one series' part of the frames to its plot and its text. Lives as long as the panel, its plot while it is seen. */
import type { Level } from '../bindings/Level';
import { NO_HISTORY, RECEIVE_TIME, type Frame, type PanelFrame } from '../backend/frame';
import type { Tokens } from '../theme/theme';
import { Columns } from './columns';
import { emptyWords, type Empty } from './empty';
import { digitsNeeded, formatNumber, formatValue } from './format';
import { Plot } from './plot';
import { readout } from './readout';
import type { TickPanel } from './ticker';

const LEVELS: readonly Level[] = ['ok', 'info', 'warning', 'critical'];
/** The text twin is for reading aloud: no use in changing it ten times a second. */
const TWIN_EVERY_MS = 1000;
const VALUE_EVERY_MS = 500;
/** So many pixels beside a value or a gap the crosshair still tells it. */
const READ_PX = 3;

export function levelName(level: number): Level {
  return LEVELS[level] ?? 'ok';
}

export interface PanelEvents {
  onLevel(level: number): void;
  onFlags(flags: number): void;
  /** Nothing is to be seen, and why; `null`: there is. */
  onEmpty(empty: Empty | null): void;
}

export class PanelView implements TickPanel {
  columns = 0;
  cursor: number | null = null;
  epoch = 0;
  /** From when on the open alarm of this series holds; NaN: none is open. */
  hotFromMs = NaN;
  private readonly data = new Columns();
  private plot: Plot | null = null;
  private resized: ResizeObserver | null = null;
  private valueNode: Element | null = null;
  private readoutNode: HTMLElement | null = null;
  private twinNode: Element | null = null;
  private empty: Empty | null = null;
  private digits = 0;
  private level = 0;
  private flags = 0;
  private shown = '';
  private last = NaN;
  private newest = { last: NaN, lastMs: NaN };
  private valueTurn = NaN;
  private twinAt = -Infinity;
  private name = '';
  private unit = '';
  private word: string | null = null;
  private cursorMs: number | null = null;
  private cursorOwn = false;
  private tokens: Tokens | null = null;

  constructor(
    readonly series: number,
    private readonly events: PanelEvents
  ) {}

  describe(name: string, unit: string | null, word: string | null): void {
    this.name = name;
    this.unit = unit === null ? '' : ` ${unit}`;
    this.word = word;
    this.twinAt = -Infinity;
  }

  useValue(node: Element): void {
    this.valueNode = node;
  }
  useReadout(node: Element): void {
    this.readoutNode = node as HTMLElement;
  }
  useTwin(node: Element): void {
    this.twinNode = node;
  }

  isReceiveTime(flags: number): boolean {
    return (flags & RECEIVE_TIME) !== 0;
  }
  isUnreadable(flags: number): boolean {
    return (flags & NO_HISTORY) !== 0;
  }

  /** The panel came into sight: from now on it has a canvas and asks for data. */
  mount(host: HTMLElement, tokens: Tokens): void {
    if (this.plot !== null) return;
    this.tokens = tokens;
    const parts = {
      host,
      width: Math.max(40, host.clientWidth),
      height: Math.max(40, host.clientHeight),
      tokens,
      onCursor: (ms: number | null, own: boolean) => this.read(ms, own)
    };
    this.plot = new Plot(parts, this.data);
    this.ask(Math.max(1, Math.round(parts.width * Math.min(2, window.devicePixelRatio))));
    this.resized = new ResizeObserver(() => this.resize(host));
    this.resized.observe(host);
  }

  unmount(): void {
    this.resized?.disconnect();
    this.plot?.destroy();
    this.plot = null;
    this.data.clear();
    this.columns = 0;
    this.restart();
  }

  private ask(columns: number): void {
    if (columns === this.columns) return;
    this.columns = columns;
    this.restart();
  }

  private restart(): void {
    this.cursor = null;
    this.epoch++;
  }

  private resize(host: HTMLElement): void {
    const { clientWidth, clientHeight } = host;
    if (this.plot === null || clientWidth < 40 || clientHeight < 30) return;
    this.plot.resize(clientWidth, clientHeight);
    queueMicrotask(() => {
      if (this.plot !== null) this.ask(this.plot.columnsPx);
    });
  }

  setTokens(tokens: Tokens): void {
    if (tokens === this.tokens) return;
    this.tokens = tokens;
    this.plot?.setTokens(tokens);
  }

  take(part: PanelFrame, frame: Frame, whole: boolean, everyMs: number): void {
    if (this.plot === null) return;
    if (whole) {
      this.plot.restart();
      this.valueTurn = NaN;
    }
    const changed = this.data.apply(part, frame.fromMs, whole);
    if (part.level !== this.level) {
      this.level = part.level;
      this.events.onLevel(part.level);
      this.twinAt = -Infinity;
    }
    if (part.flags !== this.flags) {
      this.flags = part.flags;
      this.events.onFlags(part.flags & ~1);
    }
    this.plot.update({
      fromMs: frame.fromMs,
      toMs: frame.toMs,
      nowMs: frame.nowMs,
      everyMs,
      changed,
      level: part.level,
      hotFromMs: this.hotSince()
    });
    // An answer to a cursor knows no value of an earlier run: that one still holds.
    if (whole || !Number.isNaN(part.lastMs)) this.newest = { last: part.last, lastMs: part.lastMs };
    this.showValue(this.newest.last, frame.nowMs);
    this.tellEmpty(part.flags, frame);
    if (this.cursorMs !== null && changed) this.read(this.cursorMs, this.cursorOwn);
    this.writeTwin(frame.nowMs);
  }

  private tellEmpty(flags: number, { fromMs, toMs, nowMs }: Frame): void {
    const seen = this.data.isSeenFrom(fromMs);
    const empty = seen ? null : emptyWords({ fromMs, toMs, nowMs, flags, ...this.newest });
    if (empty?.text === this.empty?.text && empty?.valuesMs === this.empty?.valuesMs) return;
    this.empty = empty;
    this.events.onEmpty(empty);
  }

  /** Where the abnormal stretch begins: its alarm, or the first mark of what still lasts. */
  private hotSince(): number {
    if (this.level < 2) return NaN;
    const { markMs, markLevel } = this.data;
    let from = NaN;
    for (let m = markMs.length - 1; m >= 0; m--) {
      if (markLevel[m]! < 2) continue;
      from = markMs[m]!;
      break;
    }
    return this.hotFromMs < from || Number.isNaN(from) ? this.hotFromMs : from;
  }

  private showValue(last: number, nowMs: number): void {
    // All panels in the same half second: one repaint for all of them, and digits that can be read.
    const turn = Math.floor(nowMs / VALUE_EVERY_MS);
    if (turn === this.valueTurn && this.shown !== '') return;
    this.valueTurn = turn;
    if (Object.is(last, this.last) && this.shown !== '') return;
    this.last = last;
    this.digits = Math.max(this.digits, Math.min(digitsNeeded(last), 8));
    const most = Math.abs(last) >= 100 ? 2 : 8;
    const text = formatNumber(last, Math.min(this.digits, most));
    if (text === this.shown || this.valueNode === null) return;
    this.shown = text;
    this.valueNode.textContent = text;
  }

  /** What is under the crosshair: time, values, what was expected, and why there is a hole. */
  private read(ms: number | null, own: boolean): void {
    this.cursorMs = ms;
    this.cursorOwn = own;
    const node = this.readoutNode;
    if (node === null) return;
    node.hidden = ms === null;
    if (ms === null) return;
    const slack = READ_PX * (this.plot?.pixelMs ?? 0);
    node.textContent = readout(this.data, ms, own, slack, (value) => this.number(value));
  }

  private number(value: number): string {
    return formatNumber(value, Math.min(this.digits, Math.abs(value) >= 100 ? 2 : 8));
  }

  /** The chart in words, for those who do not see it. */
  private writeTwin(nowMs: number): void {
    if (this.twinNode === null || nowMs - this.twinAt < TWIN_EVERY_MS) return;
    this.twinAt = nowMs;
    const { data } = this;
    const at = data.end - 1;
    const parts = [`Chart of ${this.name}`];
    parts.push(
      Number.isFinite(this.last) ? `last value ${formatValue(this.last)}${this.unit}` : 'no value yet'
    );
    if (data.length > 0 && data.low[at]! <= data.high[at]!) {
      parts.push(`expected ${this.number(data.low[at]!)} to ${this.number(data.high[at]!)}`);
    }
    parts.push(this.word ?? 'normal');
    this.twinNode.setAttribute('aria-label', parts.join(', '));
  }
}
