import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import App from './App.svelte';
import { FakeBackend } from './backend/fake';
import { ConsoleState } from './console.svelte';
import { watchErrors } from './errors';
import { readSettings, Settings } from './settings/settings.svelte';

let backend: FakeBackend;
let page: ConsoleState;
let app: Record<string, unknown>;

const all = (id: string): HTMLElement[] => [
  ...document.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`)
];
const one = (id: string): HTMLElement => {
  const found = all(id)[0];
  if (found === undefined) throw new Error(`no ${id} on the page`);
  return found;
};

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  flushSync();
}

function press(key: string, part: KeyboardEventInit = {}, target: EventTarget = document.body): void {
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...part }));
  flushSync();
}

function type(input: HTMLElement, text: string): void {
  (input as HTMLInputElement).value = text;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  flushSync();
}

async function click(id: string): Promise<void> {
  one(id).click();
  await pass(0);
}

beforeEach(async () => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 5, 14, 32, 7) });
  localStorage.clear();
  backend = new FakeBackend({ seed: 7 });
  page = new ConsoleState(backend, new Settings());
  app = mount(App, { target: document.body, props: { page } });
  await pass(0);
});

afterEach(async () => {
  await unmount(app);
  backend.stop();
  document.body.replaceChildren();
  vi.useRealTimers();
});

describe('the page', () => {
  it('shows_feeds_charts_alarms_and_the_demo', () => {
    expect(all('feed').map((row) => row.dataset['feedName'])).toContain('spot');
    expect(all('panel')).toHaveLength(26);
    expect(one('panel').dataset['seriesName']).toBe('ETH-USD.price');
    expect(all('alarm').map((card) => card.dataset['state'])).toEqual([
      'unacknowledged',
      'unacknowledged',
      'acknowledged',
      'normal'
    ]);
    expect(one('demo-pill').textContent).toContain(
      'This is the built-in demo. Paste an address under + Add to watch a real feed.'
    );
    expect(one('status-history').textContent).toContain('History 2.1 GB, 940.0 M samples');
    expect(document.body.textContent).toContain('2 need you');
  });

  it('a_feed_is_chosen_by_a_click_and_left_by_another', async () => {
    one('feed').click();
    await pass(0);
    expect(all('panel')).toHaveLength(6);
    expect(one('accounts').textContent).toContain('Everything is accounted for');
    one('feed').click();
    await pass(0);
    expect(all('panel')).toHaveLength(26);
  });

  it('accounts_that_do_not_balance_are_said', async () => {
    one('feed').click();
    backend.world.feeds[0]!.accounts.received += 3;
    await pass(600);
    expect(one('accounts').textContent).toContain('▲ 3 not accounted for');
  });

  it('says_when_history_is_not_kept', async () => {
    const status = backend.status();
    const history = {
      ...status.history,
      keeping: false,
      problem: 'The disk is full. Free some space.',
      not_kept: 1204
    };
    backend.push({ type: 'status', status: { ...status, history } });
    await pass(0);
    expect(one('status-history').textContent?.replace(/\s+/g, ' ')).toContain(
      'History is not being kept: The disk is full. Free some space. 1,204 messages not kept'
    );
  });

  it('has_no_inline_style_attribute_in_what_it_was_built_from', () => {
    // Only what CSSOM wrote may be there: custom properties and uPlot's own.
    for (const element of document.body.querySelectorAll('[style]')) {
      expect(element.getAttribute('style')).toMatch(/^(--[a-z]+: [^;]+;\s*)+$|^(left|top): [^;]+;$/);
    }
  });
});

describe('the strip', () => {
  it('asks_for_its_events_now_and_then_and_soon_after_an_alarm', async () => {
    const asked = (): number => backend.calls.filter((call) => call === 'timeline').length;
    await pass(2000);
    expect(asked()).toBeLessThanOrEqual(2);
    const before = asked();
    await pass(4000);
    expect(asked()).toBe(before);
    backend.push({ type: 'alarm', alarm: { ...backend.world.alarms[0]!, id: 98 } });
    await pass(2000);
    expect(asked()).toBe(before + 1);
    await pass(20_000);
    expect(asked()).toBeGreaterThanOrEqual(before + 3);
  });
});

describe('alarms', () => {
  it('are_acknowledged_by_button', async () => {
    await click('ack');
    expect(backend.calls).toContain('acknowledge 11 null');
    expect(document.body.textContent).toContain('1 needs you');
    expect(all('alarm').find((card) => card.dataset['alarmId'] === '11')!.dataset['state']).toBe(
      'acknowledged'
    );
  });

  it('are_acknowledged_by_key_the_selected_one_first', async () => {
    all('alarm')[1]!.focus();
    press('a');
    await pass(0);
    expect(backend.calls).toContain('acknowledge 12 null');
    press('a');
    await pass(0);
    expect(backend.calls).toContain('acknowledge 11 null');
    expect(document.body.textContent).toContain('Nothing needs you.');
  });

  it('are_all_acknowledged_by_Shift_A', async () => {
    press('A', { shiftKey: true });
    await pass(0);
    expect(backend.calls).toContain('acknowledge 11,12 null');
  });

  it('show_their_moment_and_panel', async () => {
    all('show')[1]!.click();
    await pass(0);
    expect(page.untilMs).not.toBe(null);
    expect(document.querySelector('.lit')).toBe(one('panel'));
    await click('live');
    expect(page.untilMs).toBe(null);
  });

  it('a_new_one_is_read_out', async () => {
    const alarm = { ...backend.world.alarms[0]!, id: 99, title: 'No message for 9 s' };
    backend.push({ type: 'alarm', alarm });
    await pass(0);
    expect(document.querySelector('[role=log]')!.textContent).toBe(
      'New critical alarm. Fleet telemetry: No message for 9 s'
    );
    expect(document.body.textContent).toContain('3 need you');
  });

  const point = (kind: string): void => {
    one('alarm-list').dispatchEvent(new Event(kind, { bubbles: kind !== 'pointerleave' }));
    flushSync();
  };
  const titles = (): (string | undefined)[] => all('alarm').map((card) => card.dataset['alarmId']);
  const worse = (): void =>
    backend.push({ type: 'alarm', alarm: { ...backend.world.alarms[0]!, id: 99, title: 'Worse' } });

  it('stand_still_under_the_pointer_until_it_rests', async () => {
    const before = titles();
    point('pointermove');
    worse();
    backend.push({ type: 'alarm', alarm: { ...backend.world.alarms[1]!, title: 'Reworded' } });
    await pass(0);
    expect(titles()).toEqual(before);
    expect(document.body.textContent).not.toContain('Reworded');
    expect(document.body.textContent).toContain('3 need you');
    expect(one('alarms-waiting').textContent).toBe('1 new alarm when you move away');
    await pass(2000);
    point('pointermove');
    await pass(2900);
    expect(titles()).toEqual(before);
    await pass(200);
    expect(titles()).toEqual(['99', ...before]);
    expect(document.body.textContent).toContain('Reworded');
    expect(one('alarms-waiting').textContent).toBe('');
  });

  it('go_on_when_the_pointer_leaves_or_a_click_was_handled', async () => {
    const before = titles();
    point('pointermove');
    worse();
    await pass(0);
    expect(titles()).toEqual(before);
    point('pointerleave');
    expect(titles()[0]).toBe('99');
    point('pointermove');
    backend.push({ type: 'alarm', alarm: { ...backend.world.alarms[0]!, id: 100, title: 'Another' } });
    await pass(0);
    all('show')[1]!.click();
    await pass(0);
    expect(titles()[0]).toBe('100');
  });

  it('stand_still_while_keys_move_through_them_and_the_key_means_what_is_shown', async () => {
    const before = titles();
    one('alarm').focus();
    press('ArrowDown', {}, one('alarm'));
    worse();
    await pass(0);
    expect(titles()).toEqual(before);
    press('a');
    await pass(0);
    press('a');
    await pass(0);
    expect(backend.calls.filter((call) => call.startsWith('acknowledge'))).toEqual([
      'acknowledge 12 null',
      'acknowledge 11 null'
    ]);
    expect(titles()).toEqual(before);
    expect(all('alarm').map((card) => card.dataset['state'])).not.toContain('unacknowledged');
    await pass(3100);
    expect(titles()[0]).toBe('99');
  });

  it('a_second_click_at_the_same_place_is_not_for_the_next_alarm', async () => {
    await click('ack');
    one('ack').dispatchEvent(new MouseEvent('click', { bubbles: true, detail: 2 }));
    await pass(0);
    expect(backend.calls.filter((call) => call.startsWith('acknowledge'))).toEqual(['acknowledge 11 null']);
  });

  it('a_failure_is_said_in_words', async () => {
    backend.acknowledge = async () => {
      throw { code: 'disk', message: 'The history is read-only.', cure: 'Free the disk.' };
    };
    await click('ack');
    expect(one('notice').textContent).toContain('Not acknowledged: The history is read-only. Free the disk.');
  });
});

describe('a feed', () => {
  it('is_added_after_a_look_and_taken_back', async () => {
    press('n');
    expect(document.activeElement).toBe(one('add-address'));
    expect(one('add-confirm')).toHaveProperty('disabled', true);
    type(one('add-address'), 'wss://prices.example/feed');
    await click('probe-start');
    await pass(500);
    const messages = one('probe-messages');
    expect(messages.querySelector('img')).toBe(null);
    expect(messages.textContent).toContain('<img src=x onerror=alert(1)>');
    expect(document.querySelector('dialog')!.textContent).toContain('/time, RFC 3339');
    await click('add-confirm');
    await pass(0);
    expect(document.querySelector('dialog')).toBe(null);
    expect(one('notice').textContent).toMatch(/Added prices-example-feed\. Written to .*feedwatch\.toml\./);
    expect(all('feed')).toHaveLength(8);
    await click('toast-undo');
    expect(all('feed')).toHaveLength(7);
  });

  it('that_cannot_be_reached_says_why_and_may_be_added_anyway', async () => {
    await click('add-feed');
    type(one('add-address'), 'ws://refused.example');
    await click('probe-start');
    await pass(300);
    expect(one('probe-problem').textContent).toContain('connection refused. Check host and port.');
    expect(one('add-confirm')).toHaveProperty('disabled', true);
    await click('add-anyway');
    expect(backend.calls).toContain('add_feed ws://refused.example');
  });

  it('a_closed_dialog_stops_the_look', async () => {
    await click('add-feed');
    type(one('add-address'), 'wss://prices.example/feed');
    await click('probe-start');
    document.querySelector('dialog')!.dispatchEvent(new Event('close'));
    await pass(0);
    expect(backend.calls).toContain('probe_stop 1');
  });

  it('is_removed_after_a_question_and_taken_back', async () => {
    press('Delete', {}, one('feed'));
    await click('remove-confirm');
    expect(all('feed')).toHaveLength(6);
    await click('toast-undo');
    expect(all('feed')).toHaveLength(7);
  });
});

describe('frozen data', () => {
  it('are_said_after_three_seconds_and_no_longer_when_the_engine_is_heard', async () => {
    await pass(2000);
    expect(all('frozen')).toHaveLength(0);
    backend.silent = true;
    await pass(2500);
    expect(all('frozen')).toHaveLength(0);
    await pass(1500);
    expect(one('frozen').textContent).toContain('DATA FROZEN');
    expect(one('frozen').textContent).toMatch(/since \d\d:\d\d:\d\d/);
    backend.silent = false;
    await pass(6000);
    expect(all('frozen')).toHaveLength(0);
  });

  it('are_said_while_paused_too', async () => {
    press(' ');
    expect(page.untilMs).not.toBe(null);
    backend.silent = true;
    await pass(4000);
    expect(all('frozen')).toHaveLength(1);
  });

  it('are_not_said_of_a_page_nobody_sees', async () => {
    const hidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
    backend.silent = true;
    await pass(10_000);
    expect(all('frozen')).toHaveLength(0);
    hidden.mockReturnValue(false);
    document.dispatchEvent(new Event('visibilitychange'));
    await pass(1000);
    expect(all('frozen')).toHaveLength(0);
    await pass(3000);
    expect(all('frozen')).toHaveLength(1);
  });

  it('a_lost_push_leads_to_a_new_snapshot', async () => {
    const before = backend.calls.filter((call) => call === 'subscribe').length;
    backend.losePush();
    await pass(2000);
    expect(backend.calls.filter((call) => call === 'subscribe').length).toBe(before + 1);
    expect(all('feed')).toHaveLength(7);
  });
});

describe('keys', () => {
  it('pause_and_go_live', () => {
    press(' ');
    expect(one('pause').textContent).toContain('Go on');
    press('l');
    expect(one('pause').textContent).toContain('Pause');
  });

  it('show_their_list', async () => {
    press('?');
    expect(one('key-list').textContent).toContain('Add a feed');
  });

  it('are_not_taken_from_who_types', async () => {
    press('n');
    press('l', {}, one('add-address'));
    press('e', {}, one('add-address'));
    expect(document.querySelectorAll('dialog')).toHaveLength(1);
    expect(all('export-start')).toHaveLength(0);
  });

  it('go_back_in_time_on_the_strip', () => {
    press('ArrowLeft', {}, one('timeline'));
    expect(one('timeline').getAttribute('aria-valuetext')).toMatch(/^Back to /);
    press('End', {}, one('timeline'));
    expect(one('timeline').getAttribute('aria-valuetext')).toBe('Live');
  });

  it('choose_the_span', () => {
    press('1');
    expect(page.settings.spanMs).toBe(60_000);
  });
});

describe('export', () => {
  it('shows_progress_and_the_file', async () => {
    press('e');
    await click('export-start');
    await pass(300);
    expect(document.querySelector('progress')).not.toBe(null);
    await pass(2000);
    expect(one('export-done').textContent).toContain('rows saved as /home/operator/feedwatch.csv');
  });

  it('of_what_is_shown_names_its_series', async () => {
    one('feed').click();
    await pass(0);
    await click('export-open');
    await click('export-start');
    const call = backend.calls.find((text) => text.startsWith('export_csv'))!;
    expect(JSON.parse(call.slice('export_csv '.length))).toMatchObject({ series: [1, 2, 3, 4, 5, 6] });
  });

  it('is_cancelled', async () => {
    press('e');
    await click('export-start');
    await pass(200);
    await click('export-cancel');
    await pass(300);
    expect(document.querySelector('dialog')!.textContent).toContain('Cancelled. Nothing was saved.');
  });
});

describe('settings', () => {
  it('switch_the_theme_and_stay', async () => {
    await click('settings-open');
    const select = one('theme-select') as HTMLSelectElement;
    select.value = 'light';
    select.dispatchEvent(new Event('change', { bubbles: true }));
    await pass(0);
    expect(document.documentElement.dataset['theme']).toBe('light');
    expect(document.documentElement.style.getPropertyValue('--bg')).not.toBe('');
    expect(new Settings().theme).toBe('light');
  });

  it('do_not_trust_what_was_stored', () => {
    const first = readSettings(null);
    for (const text of ['', '{', '[]', 'null', '7', '{"hz":1e9,"theme":"pink","spanMs":1,"density":"x"}']) {
      expect(readSettings(text)).toEqual(first);
    }
  });
});

describe('errors', () => {
  it('nobody_caught_are_logged_once_and_said', async () => {
    watchErrors(window, page);
    const event = (): Event => Object.assign(new Event('unhandledrejection'), { reason: new Error('boom') });
    const error = event();
    window.dispatchEvent(error);
    window.dispatchEvent(error);
    await pass(0);
    expect(backend.calls.filter((call) => call.startsWith('page_error'))).toHaveLength(1);
    expect(one('notice').textContent).toContain('boom');
  });
});
