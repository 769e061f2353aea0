import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Push } from '../bindings/Push';
import { FakeBackend } from './fake';

let backend: FakeBackend;
const pushed: Push[] = [];

beforeEach(async () => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 5, 14, 32, 7) });
  pushed.length = 0;
  backend = new FakeBackend({ seed: 7 });
  await backend.subscribe((push) => pushed.push(push));
});

afterEach(() => {
  backend.stop();
  vi.useRealTimers();
});

const lines = (name: string): string[] =>
  backend.world.feeds.find((feed) => feed.name === name)!.lines.map((line) => line.state);

describe('a drill of the fake engine', () => {
  it('goes_over_to_the_other_endpoint_and_returns', async () => {
    const seen = new Set<string>();
    const drill = backend.drill('spot');
    for (let ms = 0; ms < 5000; ms += 20) {
      seen.add(lines('spot').join(' '));
      await vi.advanceTimersByTimeAsync(20);
    }
    expect([...seen]).toEqual(['up standby', 'standby connecting', 'standby up', 'connecting up', 'up up']);
    expect(lines('spot')).toEqual(['up', 'standby']);
    expect(await drill).toMatchObject({ from: 'preferred', to: 'tokyo', lost: 0, passed: true });
  });

  it('of_a_redundant_pair_leaves_both_connected', async () => {
    const feed = backend.world.feeds.find((row) => row.name === 'spot')!;
    feed.lines = feed.lines.map((line) => ({ ...line, state: 'up' }));
    const drill = backend.drill('spot');
    await vi.advanceTimersByTimeAsync(200);
    expect(lines('spot')).toEqual(['standby', 'up']);
    await vi.advanceTimersByTimeAsync(6000);
    await drill;
    expect(lines('spot')).toEqual(['up', 'up']);
  });

  it('is_not_passed_where_nothing_can_take_over', async () => {
    const drill = backend.drill('orders');
    await vi.advanceTimersByTimeAsync(6000);
    expect(await drill).toMatchObject({ from: 'backup', to: null, passed: false });
    expect(lines('orders')).toEqual(['down', 'up']);
    expect(pushed.map(({ body }) => body)).toContainEqual(
      expect.objectContaining({ type: 'notice', level: 'warning' })
    );
  });

  it('is_kept_the_latest_first_and_told', async () => {
    for (let round = 0; round < 2; round++) {
      const drill = backend.drill('spot');
      await vi.advanceTimersByTimeAsync(6000);
      await drill;
    }
    const [latest, first] = await backend.drills('spot');
    expect(latest!.at_ms).toBeGreaterThan(first!.at_ms);
    const notices = pushed.flatMap(({ body }) => (body.type === 'notice' ? [body] : []));
    expect(notices).toHaveLength(2);
    expect(notices[1]).toMatchObject({ level: 'info', text: `Drill of Spot prices: ${latest!.text}` });
  });

  it('leaves_a_feed_with_one_endpoint_as_it_was', async () => {
    const before = { ...backend.world.feeds.find((feed) => feed.name === 'wiki')! };
    const drill = backend.drill('wiki');
    await vi.advanceTimersByTimeAsync(10);
    expect(backend.world.feeds.find((feed) => feed.name === 'wiki')!.state).toBe('connecting');
    await vi.advanceTimersByTimeAsync(4000);
    expect(await drill).toMatchObject({
      from: 'preferred',
      to: 'preferred',
      to_return_ms: null,
      passed: true
    });
    const { state, level, state_text } = before;
    expect(backend.world.feeds.find((feed) => feed.name === 'wiki')).toMatchObject({
      state,
      level,
      state_text
    });
  });

  it('does_not_run_twice_at_once_nor_without_a_feed_or_a_connection', async () => {
    const drill = backend.drill('spot');
    await expect(backend.drill('spot')).rejects.toMatchObject({ code: 'bad_request' });
    await expect(backend.drill('nobody')).rejects.toMatchObject({ code: 'not_found' });
    await expect(backend.drills('nobody')).rejects.toMatchObject({ code: 'not_found' });
    backend.world.feeds.find((feed) => feed.name === 'wiki')!.state = 'down';
    await expect(backend.drill('wiki')).rejects.toMatchObject({ code: 'connect' });
    await vi.advanceTimersByTimeAsync(6000);
    await drill;
    expect(await backend.drills('wiki')).toEqual([]);
  });
});
