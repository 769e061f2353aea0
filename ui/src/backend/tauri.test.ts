import { expect, it, vi } from 'vitest';

import { tauri } from './tauri';

const invoke = vi.hoisted(() => vi.fn());
vi.mock('@tauri-apps/api/core', () => ({ invoke, isTauri: () => true, Channel: vi.fn() }));

it('a_drill_and_the_list_of_drills_name_their_feed', async () => {
  invoke.mockResolvedValueOnce({ text: 'cut' }).mockResolvedValueOnce([]);
  expect(await tauri.drill('spot')).toEqual({ text: 'cut' });
  expect(await tauri.drills('spot')).toEqual([]);
  expect(invoke.mock.calls).toEqual([
    ['drill', { feed: 'spot' }],
    ['drills', { feed: 'spot' }]
  ]);
});

it('integrity_and_messages_hand_on_their_request', async () => {
  invoke.mockReset();
  const asked = { feed: 3, from_ms: 1, to_ms: 2, columns: 24 };
  const place = { feed: 3, at_ms: 1.5, number: null };
  invoke.mockResolvedValueOnce({ feed: 3 }).mockResolvedValueOnce({ messages: [] });
  expect(await tauri.integrity(asked)).toEqual({ feed: 3 });
  expect(await tauri.messages(place)).toEqual({ messages: [] });
  expect(invoke.mock.calls).toEqual([
    ['integrity', { request: asked }],
    ['messages', { request: place }]
  ]);
});
