import { describe, expect, it } from 'vitest';

import type { PinsRow } from '../bindings/PinsRow';
import { LEARNED, NO_PINS } from '../backend/fake-profile';
import { all, aPageForEveryTest, backend, click, one, page, pass, press, type } from '../test-page';
import { REFRESH_MS } from './state.svelte';
import { pinsWords } from './words';

aPageForEveryTest();

const said = (id: string): string => one(id).textContent.replace(/\s+/g, ' ').trim();
const within = (id: string, selector: string): HTMLElement => one(id).querySelector<HTMLElement>(selector)!;
const sent = (): PinsRow[] =>
  backend.calls
    .filter((call) => call.startsWith('set_profile '))
    .map((call) => JSON.parse(call.slice(call.indexOf('{'))) as PinsRow);

async function open(feed = 0): Promise<void> {
  all('feed')[feed]!.click();
  press('p');
  await pass(0);
}

describe('what is known of a feed', () => {
  it('is_shown_part_by_part_with_the_evidence', async () => {
    await open();
    expect(said('profile-feed')).toBe('What is known of Spot prices');
    const titles = [...one('profile').querySelectorAll('h2')].map((title) => title.textContent);
    expect(titles).toEqual([
      'Kinds of message',
      'Time',
      'Keys',
      'Sequence rules',
      'Checksums and signatures',
      'Rhythm',
      'Series',
      'Not charted, and why'
    ]);
    expect(said('part-sequence')).toContain('held on 1,029 of 1,029 pairs');
    expect(said('part-ignore')).toContain('/trade_id it names a thing');
    expect(said('rhythm')).toContain('after 2.2 s without one it counts as silent.');
    expect(one('part-series').querySelector('b')).toBe(null);
    expect(said('part-series')).toContain('<b>hostile</b>.price');
  });

  it('is_nothing_before_the_first_message_and_that_is_said', async () => {
    await open(4);
    expect(said('profile-note')).toBe('Nothing known yet: no message has come.');
    expect(all('pin-keys')).toHaveLength(0);
    expect(all('pin-all')).toHaveLength(0);
  });

  it('is_asked_again_while_somebody_looks_and_of_the_feed_that_is_selected', async () => {
    await open();
    const asked = (): string[] => backend.calls.filter((call) => call.startsWith('profile '));
    const before = asked().length;
    await pass(REFRESH_MS * 2);
    expect(asked()).toHaveLength(before + 2);
    all('feed')[2]!.click();
    await pass(0);
    expect(asked().at(-1)).toBe('profile 3 ');
    expect(said('profile-feed')).toContain('Plant floor');
    press('c');
    await pass(REFRESH_MS * 2);
    expect(asked()).toHaveLength(before + 3);
  });

  it('opens_from_the_list_by_menu_and_key_and_from_a_check', async () => {
    press('p', {}, all('feed')[1]!);
    await pass(0);
    expect(said('profile-feed')).toContain('Order book');
    all('feed')[2]!.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true }));
    await pass(0);
    const item = [...document.querySelectorAll<HTMLElement>('[role=menuitem]')];
    item.find((entry) => entry.textContent.includes('What is known'))!.click();
    await pass(0);
    expect(said('profile-feed')).toContain('Plant floor');
    press('i');
    await pass(0);
    document.querySelector<HTMLElement>('[data-check="sequence"] [data-column="-1"]')!.click();
    await pass(0);
    await click('findings-profile');
    await pass(0);
    expect(document.activeElement?.textContent).toBe('Sequence rules');
  });

  it('has_series_that_are_found_by_path_or_name_and_says_how_many', async () => {
    await open();
    expect(said('series-count')).toBe('The first 200 of 242 paths found.');
    expect(all('series-row')).toHaveLength(200);
    type(one('series-find'), 'ETH-USD');
    await pass(0);
    expect(all('series-row').map((row) => row.dataset['path'])).toEqual(['/last_size']);
    expect(said('series-count')).toBe('1 of 242 paths found.');
  });
});

describe('what is learned', () => {
  it('is_pinned_by_one_press_written_and_taken_back', async () => {
    await open();
    expect(said('part-keys')).toContain('Learned');
    await click('pin-keys');
    await pass(0);
    expect(sent()).toEqual([{ ...NO_PINS, keys: ['/product_id'] }]);
    expect(one('part-keys').dataset['pinned']).toBe('true');
    expect(said('part-keys')).toContain('Pinned');
    expect(one('notice').textContent).toContain('Changed what is pinned of Spot prices: keys. Written to');
    await click('toast-undo');
    await pass(REFRESH_MS);
    expect(one('part-keys').dataset['pinned']).toBe('false');
  });

  it('keeps_the_focus_of_who_pins_by_key', async () => {
    await open();
    one('pin-keys').focus();
    await click('pin-keys');
    await pass(0);
    expect(document.activeElement).toBe(one('unpin-keys'));
    await click('edit-keys-open');
    within('edit-keys', 'button').focus();
    within('edit-keys', 'button').click();
    await pass(0);
    expect(document.activeElement?.textContent).toBe('Add a path');
    one('profile-write').focus();
    await click('profile-write');
    await pass(0);
    expect(document.activeElement).toBe(one('profile-feed'));
  });

  it('is_pinned_as_a_whole_and_let_go_as_a_whole', async () => {
    await open();
    await click('pin-all');
    await pass(0);
    expect(sent()).toEqual([LEARNED]);
    expect(said('part-series')).toContain('2 pinned');
    await click('unpin-all');
    await pass(0);
    expect(sent().at(-1)).toEqual(NO_PINS);
  });

  it('is_corrected_and_saved_when_all_is_typed', async () => {
    await open();
    await click('edit-keys-open');
    type(within('edit-keys', 'input'), ' /symbol ');
    await click('edit-times-open');
    const unit = within('edit-times', 'select') as HTMLSelectElement;
    unit.value = 'ms';
    unit.dispatchEvent(new Event('change', { bubbles: true }));
    await pass(0);
    expect(said('profile-save')).toContain('Changed and not saved: time, keys.');
    expect(sent()).toEqual([]);
    // What goes on being learned disturbs nobody who types.
    await pass(REFRESH_MS * 2);
    expect((within('edit-keys', 'input') as HTMLInputElement).value).toBe(' /symbol ');
    await click('profile-write');
    await pass(0);
    expect(sent()).toEqual([
      { ...NO_PINS, keys: ['/symbol'], times: [{ path: '/time', unit: 'ms', of: ['ticker'] }] }
    ]);
    expect(all('profile-save')).toHaveLength(0);
  });

  it('that_cannot_be_pinned_is_told_at_its_field_with_the_cure_and_nothing_is_written', async () => {
    await open();
    await click('edit-keys-open');
    type(within('edit-keys', 'input'), 'symbol');
    await click('profile-write');
    await pass(0);
    expect(said('pin-problem')).toBe('◆ "symbol" is no path. Write it as /field/below, or topic:/1.');
    expect(document.activeElement).toBe(within('edit-keys', 'input'));
    expect(within('edit-keys', 'input').getAttribute('aria-invalid')).toBe('true');
    expect(sent()).toEqual([]);
    await click('profile-discard');
    await pass(0);
    expect(one('part-keys').dataset['pinned']).toBe('false');
    expect(all('profile-save')).toHaveLength(0);
  });

  it('of_a_series_has_limits_and_may_be_left_out', async () => {
    await open();
    type(one('series-find'), 'price');
    await pass(0);
    const button = (name: string): HTMLElement => document.querySelector(`[aria-label="${name}"]`)!;
    button('Edit /price').click();
    await pass(0);
    const [low] = [...one('edit-series').querySelectorAll<HTMLInputElement>('input.num')];
    type(low!, 'cheap');
    await click('profile-write');
    await pass(0);
    expect(said('pin-problem')).toContain('"low" should be a number');
    type(low!, '0');
    await click('profile-write');
    await pass(0);
    expect(sent().at(-1)!.series).toEqual([
      { path: '/price', kind: 'gauge', unit: 'USD', low: '0', high: '', per_second: '' }
    ]);
    [...one('edit-series').querySelectorAll('button')].at(-1)!.click();
    await pass(0);
    await click('profile-write');
    await pass(0);
    expect(sent().at(-1)).toEqual({ ...NO_PINS, ignore: ['/price'] });
    button('Chart /trade_id').click();
    await pass(0);
    expect(
      sent()
        .at(-1)!
        .series.map(({ path }) => path)
    ).toEqual(['/trade_id']);
  });

  it('of_a_rule_is_typed_with_its_scope_and_kinds', async () => {
    await open();
    await click('edit-sequence-open');
    const field = (label: string): HTMLInputElement => document.querySelector(`[aria-label="${label}"]`)!;
    expect(field('Kinds of rule 1').value).toBe('ticker');
    field('Scope of rule 1').value = '/product_id, topic:/1';
    field('Scope of rule 1').dispatchEvent(new Event('change', { bubbles: true }));
    const rule = within('edit-sequence', 'select') as HTMLSelectElement;
    rule.value = 'plus-one-modulo';
    rule.dispatchEvent(new Event('change', { bubbles: true }));
    await pass(0);
    await click('profile-write');
    await pass(0);
    expect(said('pin-problem')).toContain('needs its modulus');
    type(field('Modulus of rule 1'), '256');
    await click('profile-write');
    await pass(0);
    expect(sent()[0]!.sequence).toEqual([
      {
        paths: ['/sequence'],
        rule: 'plus-one-modulo',
        modulus: '256',
        per: ['/product_id', 'topic:/1'],
        of: ['ticker'],
        restarts: ['snapshot']
      }
    ]);
  });

  it('typed_of_one_feed_waits_while_another_is_looked_at', async () => {
    await open();
    await click('edit-keys-open');
    type(within('edit-keys', 'input'), '/symbol');
    all('feed')[2]!.click();
    await pass(0);
    expect(all('profile-save')).toHaveLength(0);
    all('feed')[0]!.click();
    await pass(0);
    expect(said('profile-save')).toContain('keys');
    expect(page.profiles.draft('spot').pins.keys).toEqual(['/symbol']);
  });

  it('of_a_feed_in_no_configuration_is_shown_and_cannot_be_pinned', async () => {
    const before = backend.profile.bind(backend);
    const fixed = "The demo's feeds stand in no configuration, so that nothing of them can be pinned.";
    backend.profile = async (request) => ({ ...(await before(request)), fixed });
    await open();
    expect(said('profile-fixed')).toBe(fixed);
    for (const id of ['pin-keys', 'edit-keys-open', 'pin-all', 'profile-save'])
      expect(all(id)).toHaveLength(0);
    expect(document.querySelector('[aria-label^="Pin /"], [aria-label^="Chart /"]')).toBe(null);
  });

  it('is_said_in_a_few_words', () => {
    expect(pinsWords(NO_PINS)).toBe('nothing');
    expect(pinsWords({ ...LEARNED, keys: [] })).toBe(
      'its kinds of message, 1 time, no keys, 1 sequence rule, 2 paths that are charted, 1 path that is not charted'
    );
  });
});

describe('a feed that is added', () => {
  async function look(): Promise<void> {
    press('n');
    type(one('add-address'), 'wss://prices.example/feed');
    await click('probe-start');
    await pass(500);
  }

  async function unfold(): Promise<void> {
    (one('add-profile') as HTMLDetailsElement).open = true;
    one('add-profile').dispatchEvent(new Event('toggle'));
    await pass(0);
  }

  it('is_pinned_as_it_was_corrected_before', async () => {
    await look();
    expect(said('add-pins')).toBe('nothing');
    await unfold();
    await click('edit-keys-open');
    type(within('edit-keys', 'input'), 'symbol');
    await pass(500);
    expect(said('pin-problem')).toContain('"symbol" is no path.');
    await click('add-confirm');
    await pass(0);
    expect(backend.added).toHaveLength(0);
    expect(one('probe-problem').textContent).toContain('It is marked below.');
    type(within('edit-keys', 'input'), '/symbol');
    await click('add-confirm');
    await pass(0);
    expect(backend.added[0]!.pins).toEqual({ ...NO_PINS, keys: ['/symbol'] });
  });

  it('is_not_pinned_where_nothing_was_touched', async () => {
    await look();
    await click('add-confirm');
    await pass(0);
    expect(backend.added[0]!.pins).toBe(null);
  });

  it('of_a_known_shape_shows_what_that_pins', async () => {
    await click('add-feed');
    await pass(0);
    const select = one('add-starter') as HTMLSelectElement;
    select.value = 'kraken';
    select.dispatchEvent(new Event('change', { bubbles: true }));
    await pass(0);
    expect(said('add-starter-pins')).toBe('It pins 1 time, 1 key.');
    await click('probe-start');
    await pass(500);
    expect(said('add-pins')).toBe('1 time, 1 key');
    await unfold();
    await click('add-pin-all');
    await click('unpin-keys');
    await click('add-confirm');
    await pass(0);
    expect(backend.added[0]!.pins).toEqual({ ...LEARNED, keys: null });
  });

  it('loses_what_was_pinned_of_another_address', async () => {
    await look();
    await unfold();
    await click('pin-keys');
    type(one('add-address'), 'wss://other.example/feed');
    await click('probe-start');
    await pass(500);
    expect(said('add-pins')).toBe('nothing');
  });
});
