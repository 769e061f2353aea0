import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { aPageForEveryTest, backend, one, page, pass } from '../test-page';

/** Everything is in sight. */
class Seeing {
  constructor(private readonly tell: IntersectionObserverCallback) {}
  observe(target: Element): void {
    this.tell([{ target, isIntersecting: true } as never], this as never);
  }
  unobserve(): void {}
  disconnect(): void {}
}

const context = new Proxy({} as CanvasRenderingContext2D, {
  get: (_, name) => (name === 'measureText' ? () => ({ width: 10 }) : () => undefined)
});

beforeEach(() => {
  vi.stubGlobal('IntersectionObserver', Seeing);
  vi.stubGlobal(
    'Path2D',
    class extends Array {
      rect(): void {}
      moveTo(): void {}
      lineTo(): void {}
    }
  );
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(context as never);
});

aPageForEveryTest();

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const panel = (): HTMLElement => one('panel');
const empty = (): string | undefined =>
  panel().querySelector('[data-testid=panel-empty]')?.textContent.replace(/\s+/g, ' ').trim();

describe('a chart without values in its span', () => {
  it('leads_to_the_time_of_its_values', async () => {
    await pass(1500);
    expect(empty()).toBe(undefined);
    const august = new Date(2025, 7, 9, 21, 5).getTime();
    backend.world.series[0]!.endsMs = august;
    page.ticker.show(60_000, null);
    await pass(1500);
    expect(empty()).toBe('The values are of 9 Aug 2025, 21:05. Go there');
    const button = panel().querySelector<HTMLElement>('[data-testid=go-to-values]')!;
    expect(button.closest('[role=img]')).toBe(null);
    button.click();
    await pass(1500);
    expect(page.untilMs).toBeGreaterThan(august);
    expect(page.untilMs! - page.settings.spanMs).toBeLessThan(august);
    expect(empty()).toBe(undefined);
    expect(document.querySelector('.paused')!.textContent).toContain('Paused at 9 Aug 2025, 21:05');
  });

  it('still_knows_them_when_later_frames_do_not', async () => {
    const frame = backend.world.panel.bind(backend.world);
    backend.world.series[0]!.endsMs = new Date(2025, 7, 9, 21, 5).getTime();
    backend.world.panel = (series, fromMs, toMs, columns, cursor) => {
      const part = frame(series, fromMs, toMs, columns, cursor);
      return cursor === null ? part : { ...part, last: NaN, lastMs: NaN };
    };
    page.ticker.show(60_000, null);
    await pass(3000);
    expect(empty()).toBe('The values are of 9 Aug 2025, 21:05. Go there');
    expect(one('panel-value').textContent).toMatch(/[0-9]/);
  });
});
