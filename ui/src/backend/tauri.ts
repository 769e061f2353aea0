/** The real engine, over Tauri's IPC. The only module that imports `@tauri-apps`. */
import { Channel, invoke, isTauri } from '@tauri-apps/api/core';

import type { Backend } from './backend';

export { isTauri };

function channel<T>(onMessage: (message: T) => void): Channel<T> {
  return new Channel<T>(onMessage);
}

/** Raw answers come as an ArrayBuffer; where the webview falls back to posted messages, as bytes or numbers. */
function toBuffer(answer: unknown): ArrayBuffer {
  if (answer instanceof ArrayBuffer) return answer;
  if (answer instanceof Uint8Array || Array.isArray(answer))
    return Uint8Array.from(answer as ArrayLike<number>).buffer;
  return new ArrayBuffer(0);
}

export const tauri: Backend = {
  subscribe: (onPush) => invoke('subscribe', { channel: channel(onPush) }),
  frame: async (request) => toBuffer(await invoke<unknown>('frame', { request })),
  series: () => invoke('series'),
  acknowledge: (ids, note) => invoke('acknowledge', { ids, note }),
  timeline: (fromMs, toMs, slots) => invoke('timeline', { fromMs, toMs, slots }),
  integrity: (request) => invoke('integrity', { request }),
  messages: (request) => invoke('messages', { request }),
  starters: () => invoke('starters'),
  probeStart: (feed, onUpdate) => invoke('probe_start', { feed, channel: channel(onUpdate) }),
  probeStop: (id) => invoke('probe_stop', { id }),
  probeProfile: (request) => invoke('probe_profile', { request }),
  profile: (request) => invoke('profile', { request }),
  checkProfile: (pins) => invoke('check_profile', { pins }),
  setProfile: (name, pins) => invoke('set_profile', { name, pins }),
  addFeed: (feed) => invoke('add_feed', { feed }),
  removeFeed: (name) => invoke('remove_feed', { name }),
  undoFeedChange: (undo) => invoke('undo_feed_change', { undo }),
  drill: (feed) => invoke('drill', { feed }),
  drills: (feed) => invoke('drills', { feed }),
  exportCsv: (request, onUpdate) => invoke('export_csv', { request, channel: channel(onUpdate) }),
  cancelExport: (id) => invoke('cancel_export', { id }),
  savePicture: (request) => invoke('save_picture', { request }),
  setNotifications: (on) => invoke('set_notifications', { on }),
  pageError: (text) => invoke('page_error', { text })
};
