import { flushSync } from 'svelte';
import { describe, expect, it, vi } from 'vitest';

import { watchErrors } from './errors';
import { all, aPageForEveryTest, backend, click, one, page, pass, press } from './test-page';

aPageForEveryTest();

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

  it('what_comes_over_the_wire_and_what_a_rate_limit_leaves_out_is_said', async () => {
    one('feed').click();
    await pass(0);
    expect(one('traffic').textContent).toContain('78 % saved by compression');
    expect(all('thinned')).toHaveLength(0);
    const feed = backend.world.feeds[0]!;
    feed.thinned = 'the newest value per 250 ms';
    feed.accounts.left_out = 12_480;
    await pass(600);
    expect(one('thinned').textContent).toMatch(
      /the newest value per 250 ms is charted and kept: 12,480\s+left out/
    );
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

  it('show_never_goes_beyond_now', async () => {
    const alarm = { ...backend.world.alarms[1]!, id: 97, raised_ms: Date.now() };
    backend.push({ type: 'alarm', alarm });
    await pass(1300);
    const card = all('alarm').find((found) => found.dataset['alarmId'] === '97')!;
    card.querySelector<HTMLElement>('[data-testid=show]')!.click();
    await pass(0);
    expect(page.untilMs).toBeLessThanOrEqual(Date.now());
    expect(page.untilMs).toBeGreaterThan(alarm.raised_ms);
    page.show(Date.now() - 3_600_000, 1, 1);
    expect(page.untilMs).toBe(Date.now() - 3_600_000 + page.settings.spanMs / 4);
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

describe('errors', () => {
  it('nobody_caught_are_logged_once_and_said', async () => {
    watchErrors(window, page);
    const reason = new Error('boom\nhttps://svelte.dev/e/each_key_duplicate');
    const event = (): Event => Object.assign(new Event('unhandledrejection'), { reason });
    const error = event();
    window.dispatchEvent(error);
    window.dispatchEvent(error);
    await pass(0);
    expect(backend.calls.filter((call) => call.startsWith('page_error'))).toHaveLength(1);
    expect(one('notice').textContent).toContain('boom');
    expect(one('notice').textContent).not.toContain('svelte');
  });

  it('that_end_the_page_leave_a_sentence_and_a_way_out', async () => {
    const alarm = backend.world.alarms[0]!;
    page.alarms = [alarm, { ...alarm }];
    await pass(0);
    const text = document.body.textContent;
    expect(text).toContain('The window could not be drawn');
    expect(text).not.toContain('svelte');
    expect(one('reload').textContent).toBe('Reload');
    expect(backend.calls.some((call) => call.startsWith('page_error page'))).toBe(true);
  });
});
