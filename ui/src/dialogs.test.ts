import { describe, expect, it } from 'vitest';

import { readSettings, Settings } from './settings/settings.svelte';
import { all, aPageForEveryTest, backend, click, one, page, pass, press, type } from './test-page';

aPageForEveryTest();

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
    await pass(30_000);
    expect(all('notice')).toHaveLength(1);
    await click('toast-undo');
    expect(all('feed')).toHaveLength(7);
  });

  it('of_a_known_shape_is_begun_with_its_address_and_messages', async () => {
    await click('add-feed');
    await pass(0);
    const select = one('add-starter') as HTMLSelectElement;
    expect([...select.querySelectorAll('optgroup')].map((group) => group.label)).toEqual([
      'Metrics',
      'Home',
      'Exchanges'
    ]);
    const pick = async (id: string): Promise<void> => {
      select.value = id;
      select.dispatchEvent(new Event('change', { bubbles: true }));
      await pass(0);
    };
    await pick('kraken');
    expect(one('add-address')).toHaveProperty('value', 'wss://ws.kraken.com/v2');
    expect(one('add-about').textContent).toBe('Trades of Kraken.');
    expect(backend.added).toHaveLength(0);
    await click('probe-start');
    await pass(500);
    await click('add-confirm');
    await pass(0);
    expect(backend.added[0]).toMatchObject({
      starter: 'kraken',
      title: 'Kraken',
      subscribe: ['{"method":"subscribe"}']
    });
    await click('add-feed');
    await pass(0);
    await pick('kraken');
    await pick('');
    expect(one('add-address')).toHaveProperty('value', '');
  });

  it('of_HTTP_is_added_as_what_the_look_at_it_found', async () => {
    await click('add-feed');
    type(one('add-address'), 'https://node.example/metrics');
    await click('probe-start');
    await pass(500);
    await click('add-confirm');
    await pass(0);
    expect(backend.added[0]).toMatchObject({ address: 'https://node.example/metrics', found: 'poll' });
  });

  it('that_is_added_says_beforehand_where_it_is_written_and_that_the_demo_ends', async () => {
    const said = (): string => one('add-where').textContent.replace(/\s+/g, ' ').trim();
    await click('add-feed');
    const written = 'The feed is written to /home/operator/.config/feedwatch/feedwatch.toml.';
    expect(said()).toBe(`Adding a feed ends the demo, with its feeds and alarms. ${written}`);
    backend.push({ type: 'status', status: { ...backend.status(), demo: false } });
    await pass(0);
    expect(said()).toBe(written);
  });

  it('can_be_taken_back_while_other_notices_come', async () => {
    press('Delete', {}, one('feed'));
    await click('remove-confirm');
    for (let i = 0; i < 9; i++) page.notify('warning', `Trouble ${i}`);
    await click('toast-undo');
    expect(all('feed')).toHaveLength(7);
    expect(page.notices.map((notice) => notice.text)).toEqual(['Trouble 6', 'Trouble 7', 'Trouble 8']);
  });

  it('with_a_secret_in_its_address_says_that_it_stays', async () => {
    press('Delete', {}, one('feed'));
    await pass(0);
    expect(all('remove-secret')).toHaveLength(0);
    press('Escape');
    document.querySelector('dialog')!.dispatchEvent(new Event('close'));
    backend.world.feeds[0]!.address = 'wss://spot.example/feed?token=***';
    await pass(600);
    press('Delete', {}, one('feed'));
    await pass(0);
    expect(one('remove-secret').textContent).toContain('in the folder secrets');
  });

  it('has_no_tooltip_while_a_menu_is_open', async () => {
    expect(one('feed').title).toContain('wss://');
    one('feed').dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true }));
    await pass(0);
    expect(document.querySelector('[role=menu]')).not.toBe(null);
    expect(
      all('feed')
        .map((row) => row.title)
        .join('')
    ).toBe('');
    press('Escape', {}, document.querySelector('[role=menu]')!);
    await pass(0);
    expect(one('feed').title).toContain('wss://');
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

  it('Enter_with_another_address_looks_at_that_one', async () => {
    press('n');
    const input = one('add-address');
    type(input, 'wss://first.example/feed');
    press('Enter', {}, input);
    await pass(500);
    expect(one('probe-messages').textContent).toContain('BTC-USD');
    // What came of the first one is neither shown nor added under the new address.
    type(input, 'ws://refused.example');
    expect(all('probe-messages')).toHaveLength(0);
    expect(one('add-confirm')).toHaveProperty('disabled', true);
    press('Enter', {}, input);
    await pass(0);
    press('Enter', {}, input);
    await pass(300);
    expect(backend.calls.filter((call) => /^probe_st(art|op)/.test(call))).toEqual([
      'probe_start wss://first.example/feed',
      'probe_stop 1',
      'probe_start ws://refused.example'
    ]);
    expect(one('probe-problem').textContent).toContain('refused');
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

  it('are_left_alone_in_a_list_and_in_a_dialog', () => {
    const kept = (target: Element): boolean =>
      target.dispatchEvent(new KeyboardEvent('keydown', { key: '?', bubbles: true, cancelable: true }));
    expect(kept(one('span'))).toBe(true);
    press(',');
    expect(kept(one('theme-select'))).toBe(true);
    expect(kept(document.querySelector('dialog h1')!)).toBe(true);
    expect(all('key-list')).toHaveLength(0);
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
    const { series } = JSON.parse(call.slice('export_csv '.length)) as { series: number[] };
    expect(series.sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('says_beforehand_how_much_it_will_be', async () => {
    press('e');
    await pass(0);
    const dialog = document.querySelector('dialog')!;
    expect(dialog.textContent).toContain('As the charts show: 5 minutes, from 14:27:07 to 14:32:07');
    expect(one('export-size').textContent).toMatch(/^That will be at most about [\d,]+ rows\.$/);
    const form = dialog.querySelector('form')!;
    form.requestSubmit();
    await pass(0);
    expect(backend.calls.some((call) => call.startsWith('export_csv'))).toBe(true);
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
