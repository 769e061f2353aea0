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
