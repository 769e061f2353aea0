import { describe, expect, it } from 'vitest';

import type { FeedRow } from './bindings/FeedRow';
import type { LineRow } from './bindings/LineRow';
import { all, aPageForEveryTest, backend, click, one, page, pass, press } from './test-page';

aPageForEveryTest();

const words = (element: Element): string => (element.textContent ?? '').replace(/\s+/g, ' ').trim();
const row = (name: string): HTMLElement =>
  document.querySelector<HTMLElement>(`[data-testid=feed][data-feed-name=${name}]`)!;
const feed = (name: string): FeedRow => backend.world.feeds.find((known) => known.name === name)!;
const dialog = (): HTMLDialogElement => document.querySelector('dialog')!;
const asked = (what: string): number => backend.calls.filter((call) => call === what).length;

/** What the browser does at Escape. */
async function escape(): Promise<void> {
  dialog().dispatchEvent(new Event('close'));
  await pass(0);
}

/** What is told of a feed is pushed twice a second. */
async function change(name: string, part: Partial<FeedRow>): Promise<void> {
  Object.assign(feed(name), part);
  await pass(600);
}

async function openDrill(name: string): Promise<void> {
  press('d', {}, row(name));
  await pass(0);
}

const line = (name: string, state: string, part: Partial<LineRow> = {}): LineRow => ({
  name,
  address: `wss://${name}.example/feed`,
  state,
  reason: null,
  received: 0,
  first: 0,
  missed: 0,
  ...part
});

describe('the endpoints', () => {
  it('of_the_selected_feed_are_listed_with_state_received_and_missed', async () => {
    row('orders').click();
    await pass(600);
    const [preferred, backup] = all('endpoint');
    expect(all('endpoint').map(({ dataset }) => [dataset['name'], dataset['state']])).toEqual([
      ['preferred', 'down'],
      ['backup', 'up']
    ]);
    expect(words(preferred!)).toMatch(
      /^preferred down wss:\/\/orders\.example\/feed The server closed the connection \(1006\)\. [\d,]+ received 3 missed$/
    );
    expect(words(backup!)).toMatch(
      /^backup up wss:\/\/orders-backup\.example\/feed [\d,]+ received 0 missed$/
    );
    expect(preferred!.title).toBe('10,766,400 of its messages came here first');
  });

  it('that_are_up_are_grey_and_one_that_is_down_has_a_shape_and_a_word', async () => {
    await change('spot', {
      lines: [
        line('preferred', 'up'),
        line('tokyo', 'standby'),
        line('paris', 'down'),
        line('lima', 'connecting'),
        line('rome', 'ended')
      ]
    });
    row('spot').click();
    await pass(600);
    const marks = all('endpoint').map((item) => item.querySelector('svg')!.getAttribute('class') ?? '');
    const [up, standby, down, connecting, ended] = marks;
    expect(up).toContain('ok');
    expect(standby).toMatch(/grey.*hollow/);
    expect(down).toContain('warning');
    expect(connecting).toContain('info');
    expect(ended).toMatch(/grey.*hollow/);
    const coloured = [...one('endpoints').querySelectorAll('.w')];
    expect(coloured.map(words)).toEqual(['down']);
  });

  it('change_while_they_are_shown', async () => {
    row('spot').click();
    await pass(600);
    const before = words(one('endpoint'));
    await pass(600);
    expect(words(one('endpoint'))).not.toBe(before);
    expect(words(all('endpoint')[1]!)).toBe('tokyo standby wss://spot-tokyo.example/feed 0 received');
  });

  it('of_a_feed_with_one_are_not_listed', async () => {
    row('wiki').click();
    await pass(600);
    expect(all('accounts')).toHaveLength(1);
    expect(all('endpoints')).toHaveLength(0);
  });

  it('have_names_and_reasons_that_are_text', async () => {
    const hostile = '<img src=x onerror=alert(1)>';
    await change('spot', { lines: [line(hostile, 'down', { reason: hostile }), line(hostile, hostile)] });
    row('spot').click();
    await pass(600);
    expect(one('endpoints').querySelector('img')).toBe(null);
    expect(all('endpoint').map(words)).toEqual([
      `${hostile} down wss://${hostile}.example/feed ${hostile} 0 received`,
      `${hostile} ${hostile} wss://${hostile}.example/feed 0 received`
    ]);
  });
});

describe('a feed that has lost an endpoint', () => {
  it('is_live_with_a_warning_and_its_reason', () => {
    expect(row('orders').dataset['state']).toBe('live');
    const mark = row('orders').querySelector('svg')!;
    expect(mark.getAttribute('class')).toContain('warning');
    expect(mark.getAttribute('aria-label')).toBe('degraded');
    const told = row('orders').querySelector('.told')!;
    expect(told.className).toMatch(/\bw\b/);
    expect(told.textContent).toBe(
      'over backup, since preferred is down: The server closed the connection (1006).'
    );
  });

  it('still_says_what_it_lost', async () => {
    expect(words(row('orders'))).toContain('3 gaps, 412 lost');
    await change('orders', { integrity: 'ok', integrity_text: 'complete for 2 h' });
    expect(words(row('orders'))).not.toContain('complete');
  });

  it('is_counted_apart_from_those_that_are_well', async () => {
    const head = (): string => words(document.querySelector('header')!);
    expect(head()).toMatch(/7 feeds 5 live 1 degraded *1 silent/);
    await change('orders', { level: 'ok', state_text: null });
    expect(head()).toContain('7 feeds 6 live 1 silent');
  });
});

describe('a drill', () => {
  it('says_beforehand_what_will_happen', async () => {
    await openDrill('spot');
    expect(dialog().querySelector('h1')!.textContent).toBe('Drill of Spot prices');
    expect(words(one('drill'))).toBe(
      'The connection to preferred is cut on purpose. The feed goes on over its other endpoint, tokyo, and after ' +
        'some seconds preferred is connected again. That takes about 10 s. How long nothing comes, and what is lost, ' +
        'is measured and kept in the history. No alarm is raised.'
    );
    expect(asked('drill spot')).toBe(0);
  });

  it('of_a_feed_with_one_endpoint_says_that_it_is_cut_and_connected_again', async () => {
    await openDrill('wiki');
    expect(words(one('drill'))).toMatch(
      /^The connection is cut on purpose and connected again: this feed has no other endpoint\..*No alarm is raised\.$/
    );
  });

  it('warns_where_nothing_can_take_over', async () => {
    await openDrill('spot');
    expect(all('drill-alone')).toHaveLength(0);
    await escape();
    await openDrill('orders');
    expect(words(one('drill-alone'))).toBe(
      'Nothing can take over now: preferred is not ready. The feed would stand still for half a minute, until ' +
        'backup is connected again; what is sent meanwhile may be lost.'
    );
    expect(words(one('drill'))).not.toContain('goes on');
  });

  it('is_opened_from_the_menu_of_its_feed', async () => {
    row('spot').dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true }));
    await pass(0);
    const items = [...document.querySelectorAll<HTMLElement>('[role=menuitem]')];
    expect(items.map(words)).toEqual(['Only this feed', 'What is known of it', 'Drill…', 'Remove feed…']);
    items[2]!.click();
    await pass(0);
    expect(dialog().querySelector('h1')!.textContent).toBe('Drill of Spot prices');
  });

  it('is_opened_by_key_for_the_feed_with_the_focus_else_for_the_selected_one', async () => {
    press('d');
    await pass(0);
    expect(document.querySelector('dialog')).toBe(null);
    row('wiki').click();
    await pass(0);
    press('D', { shiftKey: true });
    await pass(0);
    expect(dialog().querySelector('h1')!.textContent).toBe('Drill of Wiki edits');
    await escape();
    await openDrill('plant');
    expect(dialog().querySelector('h1')!.textContent).toBe('Drill of Plant floor');
    press('?');
    expect(all('key-list')).toHaveLength(0);
    await escape();
    press('d', { ctrlKey: true }, row('plant'));
    await pass(0);
    expect(document.querySelector('dialog')).toBe(null);
  });

  it('is_in_the_list_of_keys', async () => {
    press('?');
    expect(words(one('key-list'))).toContain('D Drill of the selected feed');
  });

  it('does_not_begin_by_itself_and_Escape_gives_the_focus_back', async () => {
    row('spot').focus();
    await openDrill('spot');
    // Whoever presses Enter once too often cuts nothing.
    expect(document.activeElement).toBe(one('drill-close'));
    await escape();
    expect(document.querySelector('dialog')).toBe(null);
    expect(document.activeElement).toBe(row('spot'));
    expect(asked('drill spot')).toBe(0);
  });

  it('tells_how_long_it_runs_and_over_what', async () => {
    await openDrill('spot');
    one('drill-start').focus();
    await click('drill-start');
    expect(one('drill-seconds').textContent).toBe('0 s');
    await pass(1000);
    expect(words(one('drill-running'))).toBe('The drill is under way. Connected now: tokyo. 1 s');
    // It cannot be asked for twice, and the focus stays.
    await click('drill-start');
    expect(asked('drill spot')).toBe(1);
    expect(one('drill-start').getAttribute('aria-disabled')).toBe('true');
    expect(document.activeElement).toBe(one('drill-start'));
    await pass(1000);
    expect(one('drill-seconds').textContent).toBe('2 s');
  });

  it('shows_its_figures_and_the_sentence', async () => {
    await openDrill('spot');
    await click('drill-start');
    await pass(6000);
    const figures = [...one('drill-result').querySelectorAll('dl > div')].map(words);
    expect(figures).toEqual([
      expect.stringMatching(/^To the first message \d+ ms$/),
      'Lost 0',
      'Filled 3',
      'Repeated 8,912',
      expect.stringMatching(/^To the return \d+ ms$/)
    ]);
    expect(words(one('drill-result'))).toMatch(
      /^✓ Passed .*preferred was cut; the first message came over tokyo/
    );
    expect(one('drill-result').querySelectorAll('.w')).toHaveLength(0);
    expect(one('drill-start').getAttribute('aria-disabled')).toBe('false');
  });

  it('of_one_endpoint_has_no_return_and_tells_what_was_lost', async () => {
    await openDrill('plant');
    await click('drill-start');
    await pass(4000);
    const figures = words(one('drill-result').querySelector('dl')!);
    expect(figures).toMatch(/Lost \d+ .*To the return –$/);
    expect(one('drill-result').querySelector('dd.w svg')!.getAttribute('class')).toContain('warning');
  });

  it('that_was_not_passed_says_so_with_a_shape_and_a_word', async () => {
    await openDrill('fleet');
    await click('drill-start');
    await pass(4000);
    const verdict = one('drill-result').querySelector('.verdict')!;
    expect(words(verdict)).toBe('Not passed');
    expect(verdict.querySelector('svg')!.getAttribute('class')).toContain('warning');
    expect(words(one('drill-result'))).toContain('To the first message none came');
    const cells = [...one('drill-row').querySelectorAll('td')].map(words);
    expect(cells.slice(1)).toEqual(['preferred → nothing', 'none came', '0', 'not passed']);
  });

  it('says_what_cannot_be_known', async () => {
    backend.drill = async () => ({
      at_ms: Date.now(),
      from: 'preferred',
      to: 'tokyo',
      to_first_message_ms: 1240,
      lost: null,
      filled: 0,
      repeated: 0,
      to_return_ms: null,
      passed: false,
      text: '<b>hostile</b>'
    });
    await openDrill('spot');
    await click('drill-start');
    const said = words(one('drill-result'));
    expect(said).toContain('To the first message 1.2 s Lost not known');
    expect(said).toContain('To the return none came <b>hostile</b>');
    expect(one('drill-result').querySelector('b')).toBe(null);
  });

  it('that_fails_says_why_and_may_be_tried_again', async () => {
    await change('spot', { state: 'down' });
    await openDrill('spot');
    await click('drill-start');
    expect(one('drill-problem').textContent).toBe(
      '▲ The feed has no connection now, so there is nothing to cut. Try again when it is live.'
    );
    expect(one('drill-problem').getAttribute('role')).toBe('alert');
    expect(all('notice')).toHaveLength(0);
    await change('spot', { state: 'live' });
    await click('drill-start');
    expect(all('drill-running')).toHaveLength(1);
    expect(all('drill-problem')).toHaveLength(0);
  });

  it('goes_on_when_its_dialog_is_closed_and_its_end_is_told', async () => {
    await openDrill('spot');
    await click('drill-start');
    await pass(1000);
    await click('drill-close');
    expect(document.querySelector('dialog')).toBe(null);
    expect(words(row('spot'))).toContain('drill under way');
    await openDrill('spot');
    expect(words(one('drill-running'))).toContain('1 s');
    await escape();
    await pass(5000);
    expect(words(row('spot'))).not.toContain('drill under way');
    expect(all('notice').map(words)).toEqual([
      expect.stringMatching(/^Drill of Spot prices: preferred was cut;/)
    ]);
    // Shown once more to whoever looks, then forgotten: the history has it.
    await openDrill('spot');
    expect(all('drill-result')).toHaveLength(1);
    await escape();
    await openDrill('spot');
    expect(all('drill-result')).toHaveLength(0);
    expect(all('drill-row')).toHaveLength(1);
  });

  it('that_fails_behind_a_closed_dialog_is_told', async () => {
    let end = (): void => undefined;
    backend.drill = () =>
      new Promise((_, reject) => {
        end = () => reject({ code: 'connect', message: 'The feed was stopped during the drill.', cure: '' });
      });
    await openDrill('spot');
    await click('drill-start');
    await escape();
    end();
    await pass(0);
    expect(one('notice').textContent).toContain(
      'Drill of Spot prices: The feed was stopped during the drill.'
    );
  });

  it('that_takes_too_long_says_that_it_gives_up_by_itself', async () => {
    backend.drill = () => new Promise(() => undefined);
    await openDrill('spot');
    await click('drill-start');
    expect(words(one('drill'))).toContain('You may close this: the drill goes on');
    await pass(20_500);
    expect(words(one('drill'))).toContain('The drill gives up by itself, within about a minute.');
  });

  it('of_one_feed_does_not_show_in_the_dialog_of_another', async () => {
    await openDrill('spot');
    await click('drill-start');
    await escape();
    await openDrill('wiki');
    expect(all('drill-running')).toHaveLength(0);
    await click('drill-start');
    await pass(6000);
    expect(words(one('drill-result'))).toContain('over the same endpoint');
  });

  it('is_not_there_for_a_capture', async () => {
    await change('wiki', { protocol: 'file' });
    row('wiki').dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true }));
    await pass(0);
    expect([...document.querySelectorAll('[role=menuitem]')].map(words)).toEqual([
      'Only this feed',
      'What is known of it',
      'Remove feed…'
    ]);
    press('Escape', {}, document.querySelector('[role=menu]')!);
    await openDrill('wiki');
    expect(document.querySelector('dialog')).toBe(null);
    expect(one('notice').textContent).toContain('Wiki edits is a capture: there is no connection to cut.');
  });
});

describe('the drills so far', () => {
  it('are_none_at_first', async () => {
    await openDrill('spot');
    expect(one('drill-none').textContent).toBe('No drill yet.');
    expect(all('drill-history')).toHaveLength(0);
  });

  it('are_a_table_the_latest_first', async () => {
    await openDrill('orders');
    const head = [...one('drill-history').querySelectorAll('th')].map(words);
    expect(head).toEqual(['When', 'From → to', 'First message after', 'Lost', 'Result']);
    const cells = all('drill-row').map((item) => [...item.querySelectorAll('td')].slice(1).map(words));
    expect(cells).toEqual([
      ['preferred → backup', '310 ms', '0', '✓ passed'],
      ['preferred → backup', '1.8 s', '412', 'not passed'],
      ['preferred → nothing', 'none came', 'not known', 'not passed']
    ]);
    expect(words(one('drill-row'))).toMatch(/^3 Jan 2026, \d\d:\d\d/);
    expect(one('drill-row').title).toContain('preferred was cut;');
  });

  it('have_the_one_that_has_just_ended_even_before_it_is_written', async () => {
    const kept = await backend.drills('orders');
    backend.drills = async () => kept;
    await openDrill('orders');
    await click('drill-start');
    await pass(6000);
    expect(all('drill-row')).toHaveLength(4);
    expect(words(one('drill-row'))).toContain('backup → nothing');
    await escape();
    await openDrill('orders');
    expect(all('drill-row')).toHaveLength(4);
    kept.unshift(...(await page.drills.history('orders')).slice(0, 1));
    await escape();
    await openDrill('orders');
    expect(all('drill-row')).toHaveLength(4);
  });

  it('that_cannot_be_read_are_said', async () => {
    backend.drills = async () => {
      throw { code: 'disk', message: 'The history cannot be read.', cure: 'Check the disk.' };
    };
    await openDrill('spot');
    expect(words(dialog())).toContain(
      '▲ Earlier drills cannot be shown: The history cannot be read. Check the disk.'
    );
    await click('drill-start');
    await pass(6000);
    expect(all('drill-result')).toHaveLength(1);
  });
});
