import { describe, expect, it, vi } from 'vitest';

import { all, aPageForEveryTest, backend, click, one, page, pass, press } from '../test-page';
import { answer, asked, cells, found, open, row, said, withFindings } from './test-tab';

aPageForEveryTest();

describe('tabs', () => {
  it('are_only_those_that_do_something', () => {
    expect([...document.querySelectorAll('[role=tab]')].map((tab) => tab.textContent)).toEqual([
      'Charts',
      'Integrity',
      'Profile'
    ]);
  });

  it('are_switched_by_click_by_key_and_by_arrows', async () => {
    await click('tab-integrity');
    expect(one('tab-integrity').getAttribute('aria-selected')).toBe('true');
    expect(document.querySelector('#view-charts')).toHaveProperty('hidden', true);
    press('c');
    expect(document.querySelector('#view-charts')).toHaveProperty('hidden', false);
    expect(document.querySelector('#view-integrity')).toHaveProperty('hidden', true);
    one('tab-charts').focus();
    press('ArrowRight', {}, one('tab-charts'));
    expect(document.activeElement).toBe(one('tab-integrity'));
    expect(page.tab).toBe('integrity');
    press('ArrowRight', {}, one('tab-integrity'));
    expect(page.tab).toBe('profile');
    press('ArrowRight', {}, one('tab-profile'));
    expect(page.tab).toBe('charts');
  });

  it('leave_the_charts_as_they_were', async () => {
    const panel = one('panel');
    page.hidden.add(3);
    press(' ');
    const until = page.untilMs;
    await open();
    press('c');
    await pass(0);
    expect(one('panel')).toBe(panel);
    expect(page.untilMs).toBe(until);
    expect(page.hidden.has(3)).toBe(true);
  });

  it('go_back_to_the_charts_with_a_moment_to_be_shown', async () => {
    await open();
    all('show')[0]!.click();
    await pass(0);
    expect(page.tab).toBe('charts');
  });

  it('have_their_keys_in_the_list', () => {
    press('?');
    expect(said('key-list')).toContain('I Integrity of the selected feed');
  });
});

describe('the tab', () => {
  it('shows_feed_scores_checks_ledger_and_rules', async () => {
    await open(1);
    expect(said('integrity-feed')).toBe('Order book');
    expect(all('score').map((score) => score.dataset['name'])).toEqual([
      'completeness',
      'order',
      'timeliness',
      'validity',
      'authenticity'
    ]);
    expect(said('score')).toBe('Completeness 100 % All 12,480 messages came.');
    expect(all('check')).toHaveLength(16);
    expect(row('conflict').textContent).toContain('Messages of the same number differ.');
    expect(all('ledger').length).toBe(cells('conflict').length);
    expect(said('rules')).toContain('held on 1,029 of 1,029 messages.');
  });

  it('says_what_is_not_known_as_a_dash_with_the_reason', async () => {
    answer(({ scores }) => ({
      scores: scores.map((score) => ({ ...score, percent: null, text: 'Nothing here counts its messages.' }))
    }));
    await open();
    for (const score of all('score')) {
      expect(score.querySelector('.figure')!.textContent).toBe('—not known');
      expect(score.textContent).not.toContain('100');
      expect(score.textContent).toContain('Nothing here counts its messages.');
    }
  });

  it('shows_cells_with_number_shape_and_words_and_quiet_ones_empty', async () => {
    await open(1);
    const bad = withFindings('conflict')[0]!;
    expect(bad.querySelector('svg')).not.toBe(null);
    expect(bad.textContent).toBe(bad.dataset['count']);
    expect(bad.getAttribute('aria-label')).toMatch(/^Conflict, \d\d:\d\d to \d\d:\d\d: 1 finding, critical$/);
    expect(bad.title).toBe(bad.getAttribute('aria-label'));
    const quiet = cells('sequence')[0]!;
    expect(quiet.textContent).toBe('');
    expect(quiet.title).toContain('nothing found');
  });

  it('says_why_a_check_is_not_judged', async () => {
    await open(1);
    expect(row('duplicate').classList).toContain('unjudged');
    expect(row('duplicate').textContent).toContain('No message has a number or an identity.');
    expect(cells('duplicate')[0]!.title).toContain('not judged');
  });

  it('shows_what_is_missing_in_the_ledger', async () => {
    // Sequence fails in the fourth feed and has healed in the first.
    await open(3);
    const lost = all('ledger').filter((cell) => cell.textContent.trim() !== '');
    expect(lost.map((cell) => cell.textContent.trim())).toEqual(['3', '3', '3']);
    expect(lost[0]!.title).toMatch(/ expected, [\d,]+ received, 3 missing/);
  });

  it('takes_the_first_feed_where_none_is_selected_and_says_so', async () => {
    press('i');
    await pass(0);
    expect(said('integrity-feed')).toBe('Spot prices');
    expect(said('integrity-first')).toContain('No feed is selected');
    expect(page.selectedFeed).toBe(null);
    all('feed')[1]!.click();
    await pass(0);
    expect(said('integrity-feed')).toBe('Order book');
    expect(all('integrity-first')).toHaveLength(0);
  });

  it('says_that_there_is_no_feed', async () => {
    backend.world.feeds.length = 0;
    await pass(600);
    press('i');
    await pass(0);
    expect(said('integrity-empty')).toContain('No feeds yet.');
    expect(asked()).toEqual([]);
  });

  it('says_that_nothing_was_judged_yet', async () => {
    answer(({ checks }) => ({
      checks: checks.map((check) => ({ ...check, judged: false })),
      findings: [],
      rules: [],
      note: ''
    }));
    await open();
    expect(said('integrity-unjudged')).toContain('Nothing was judged yet.');
    expect(said('rules')).toContain('No rule of this feed');
    expect(said('found-none')).toBe('Nothing was found here.');
  });

  it('shows_the_note_of_the_engine', async () => {
    answer(() => ({ note: 'The history is off: only this run is known.' }));
    await open();
    expect(said('integrity-note')).toBe('The history is off: only this run is known.');
  });

  it('shows_texts_of_feeds_as_text', async () => {
    const bad = '<img src=x onerror=alert(1)>';
    answer(({ findings, checks, rules }) => ({
      feed_title: bad,
      findings: findings.map((finding) => ({ ...finding, text: bad })),
      checks: checks.map((check) => ({ ...check, state: bad })),
      rules: rules.map(() => bad)
    }));
    await open();
    expect(document.querySelector('#view-integrity img')).toBe(null);
    expect(said('integrity-feed')).toBe(bad);
    expect(one('found').textContent).toContain(bad);
  });

  it('has_no_style_attribute_that_a_strict_CSP_forbids', async () => {
    await open(3);
    const styled = [...document.querySelectorAll('#view-integrity [style]')];
    expect(styled.length).toBeGreaterThan(0);
    for (const element of styled) expect(element.getAttribute('style')).toMatch(/^(--[a-z]+: [^;]+;\s*)+$/);
  });
});

describe('it is asked', () => {
  it('every_five_seconds_while_seen_and_not_while_hidden', async () => {
    await open();
    expect(asked()).toHaveLength(1);
    await pass(4900);
    expect(asked()).toHaveLength(1);
    await pass(200);
    expect(asked()).toHaveLength(2);
    const hidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
    await pass(20_000);
    expect(asked()).toHaveLength(2);
    hidden.mockReturnValue(false);
    document.dispatchEvent(new Event('visibilitychange'));
    await pass(0);
    expect(asked()).toHaveLength(3);
    press('c');
    await pass(20_000);
    expect(asked()).toHaveLength(3);
  });

  it('for_the_span_chosen_up_to_now_or_to_where_the_charts_are_paused', async () => {
    await open();
    const { from_ms, to_ms, columns, feed } = asked().at(-1)!;
    expect(feed).toBe(1);
    expect(to_ms - from_ms).toBe(3_600_000);
    expect(Math.abs(to_ms - Date.now())).toBeLessThan(1500);
    expect(columns).toBeGreaterThanOrEqual(6);
    press('4');
    await pass(0);
    expect(asked().at(-1)!.to_ms - asked().at(-1)!.from_ms).toBe(7 * 86_400_000);
    expect((one('integrity-span') as HTMLSelectElement).selectedOptions[0]!.textContent).toBe('7 days');
    page.pause(Date.now() - 7_200_000);
    await pass(0);
    expect(asked().at(-1)!.to_ms).toBe(page.untilMs);
    expect(page.settings.spanMs).toBe(300_000);
  });

  it('pauses_at_now_and_not_at_the_edge_of_charts_that_are_not_seen', async () => {
    await open();
    await pass(60_000);
    press(' ');
    expect(Math.abs(page.untilMs! - Date.now())).toBeLessThan(1500);
  });

  it('and_an_old_answer_does_not_come_over_a_new_one', async () => {
    const before = backend.integrity.bind(backend);
    let late: (() => void) | null = null;
    backend.integrity = async (request) => {
      if (request.feed === 1) await new Promise<void>((done) => (late = done));
      return before(request);
    };
    await open(0);
    all('feed')[1]!.click();
    await pass(0);
    expect(said('integrity-feed')).toBe('Order book');
    late!();
    await pass(0);
    expect(said('integrity-feed')).toBe('Order book');
  });

  it('and_keeps_selection_elements_and_focus_over_an_answer', async () => {
    await open(1);
    const cell = withFindings('conflict')[0]!;
    cell.focus();
    cell.click();
    await pass(0);
    const before = found();
    const column = Number(cell.dataset['column']);
    // At 14:35 the columns of five minutes move by one.
    await pass(181_000);
    expect(Number(cell.dataset['column'])).toBe(column - 1);
    expect(cell.isConnected).toBe(true);
    expect(cell.getAttribute('aria-selected')).toBe('true');
    expect(document.activeElement).toBe(cell);
    expect(found()).toEqual(before);
    press('c');
    press('i');
    await pass(0);
    expect(found()).toEqual(before);
  });

  it('says_a_failure_with_its_cure_and_tries_again', async () => {
    const works = backend.integrity.bind(backend);
    const fails = async (): Promise<never> => {
      throw { code: 'no_history', message: 'There is no history.', cure: 'Switch it on.' };
    };
    backend.integrity = fails;
    await open();
    expect(said('integrity-problem')).toContain('There is no history. Switch it on.');
    expect(all('check')).toHaveLength(0);
    backend.integrity = works;
    await click('integrity-retry');
    expect(all('integrity-problem')).toHaveLength(0);
    expect(all('check')).toHaveLength(16);
    backend.integrity = fails;
    await pass(5100);
    expect(said('integrity-problem')).toMatch(/Not refreshed since \d\d:\d\d:\d\d: There is no history\./);
    expect(all('check')).toHaveLength(16);
  });
});

describe('the matrix', () => {
  const focused = (): (string | undefined)[] => {
    const { row, column } = (document.activeElement as HTMLElement).dataset;
    return [row, column];
  };
  const go = async (key: string, part: KeyboardEventInit = {}): Promise<void> => {
    press(key, part, document.activeElement!);
    await pass(0);
  };

  it('has_one_place_in_the_order_of_Tab_and_arrows_move_it', async () => {
    await open(1);
    const stops = (): Element[] => [...one('matrix').querySelectorAll('[tabindex="0"]')];
    expect(stops()).toHaveLength(1);
    (stops()[0] as HTMLElement).focus();
    expect(focused()).toEqual(['0', '-1']);
    await go('ArrowDown');
    await go('ArrowRight');
    expect(focused()).toEqual(['1', '0']);
    await go('ArrowUp');
    await go('ArrowUp');
    expect(focused()).toEqual(['0', '0']);
    await go('End', { ctrlKey: true });
    expect(focused()).toEqual(['16', String(cells('conflict').length - 1)]);
    await go('Home');
    expect(focused()).toEqual(['16', '-1']);
    expect(stops()).toEqual([document.activeElement]);
  });

  it('opens_the_findings_of_a_cell_with_Enter_and_Escape_leads_back', async () => {
    await open(1);
    const cell = withFindings('conflict').at(-1)!;
    cell.focus();
    await go('Enter');
    expect(document.activeElement!.id).toBe('findings-title');
    expect(new Set(found())).toEqual(new Set(['conflict']));
    expect(found()).toHaveLength(Number(cell.dataset['count']));
    expect(said('findings')).toContain('Messages of the same number differ.');
    // Enter did not mean the alarms.
    expect(page.tab).toBe('integrity');
    await go('Escape');
    expect(document.activeElement).toBe(cell);
    expect(page.selectedFeed).toBe(2);
  });
});
