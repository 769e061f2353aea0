import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Push } from '../bindings/Push';
import { Subscription } from './subscription';

const ready = { type: 'ready' } as const;

describe('Subscription', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function bench(fail = false): {
    channels: ((push: Push) => void)[];
    heard: string[];
    subscription: Subscription;
  } {
    const channels: ((push: Push) => void)[] = [];
    const heard: string[] = [];
    const subscription = new Subscription(
      async (onPush) => {
        channels.push(onPush);
        if (fail && channels.length === 1) throw new Error('not yet');
      },
      (body) => heard.push(body.type),
      () => performance.now(),
      () => undefined
    );
    return { channels, heard, subscription };
  }

  it('passes_on_what_comes_in_order', () => {
    const { channels, heard, subscription } = bench();
    subscription.start();
    channels[0]!({ number: 0, body: ready });
    channels[0]!({ number: 1, body: ready });
    expect(heard).toHaveLength(2);
  });

  it('a_hole_means_to_subscribe_again', async () => {
    const { channels, heard, subscription } = bench();
    subscription.start();
    channels[0]!({ number: 0, body: ready });
    channels[0]!({ number: 2, body: ready });
    channels[0]!({ number: 3, body: ready });
    expect(heard).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(channels).toHaveLength(2);
    channels[1]!({ number: 0, body: ready });
    channels[0]!({ number: 1, body: ready });
    expect(heard).toHaveLength(2);
  });

  it('subscribes_at_most_once_a_second', async () => {
    const { channels, subscription } = bench();
    subscription.start();
    for (let i = 0; i < 5; i++) {
      channels.at(-1)!({ number: 9, body: ready });
      await vi.advanceTimersByTimeAsync(200);
    }
    expect(channels.length).toBeLessThanOrEqual(2);
  });

  it('tries_again_when_the_engine_refuses', async () => {
    const { channels, heard, subscription } = bench(true);
    subscription.start();
    await vi.advanceTimersByTimeAsync(1100);
    expect(channels).toHaveLength(2);
    channels[1]!({ number: 0, body: ready });
    expect(heard).toEqual(['ready']);
  });
});
