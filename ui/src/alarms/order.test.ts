import { expect, it } from 'vitest';

import type { AlarmRow } from '../bindings/AlarmRow';
import type { FindingRow } from '../bindings/FindingRow';
import { FINDINGS_KEPT, openAlarms, overText, pastCards, withFinding, worst } from './order';

function alarm(id: number, part: Partial<AlarmRow>): AlarmRow {
  return {
    id,
    feed: 1,
    feed_title: 'Spot',
    series: 1,
    series_name: 'a',
    level: 'warning',
    state: 'unacknowledged',
    check: 'residual',
    kind: 'spike',
    title: '',
    text: '',
    raised_ms: 1000,
    last_seen_ms: 2000,
    cleared_ms: null,
    acknowledged_ms: null,
    findings: 1,
    ...part
  };
}

function finding(number: number, part: Partial<FindingRow>): FindingRow {
  return {
    number,
    feed: 1,
    feed_title: 'Spot',
    series: 1,
    series_name: 'a',
    check: 'residual',
    kind: 'spike',
    level: 'info',
    at_ms: 1500,
    message: null,
    text: '',
    ...part
  };
}

it('what_needs_a_person_comes_first_the_worst_and_newest_on_top', () => {
  const order = openAlarms([
    alarm(1, { state: 'acknowledged', level: 'critical' }),
    alarm(2, {}),
    alarm(3, { raised_ms: 1500 }),
    alarm(4, { state: 'returned', level: 'critical' }),
    alarm(5, { state: 'normal', level: 'critical' })
  ]);
  expect(order.map(({ id }) => id)).toEqual([4, 3, 2, 1]);
});

it('a_finding_that_an_alarm_tells_is_not_told_twice', () => {
  const cards = pastCards(
    [alarm(1, {})],
    [finding(1, {}), finding(2, { kind: 'dip' }), finding(3, { at_ms: 90_000 })],
    10
  );
  expect(cards.map(({ key }) => key)).toEqual(['f3', 'f2']);
});

it('equal_findings_in_a_row_are_one_card', () => {
  const findings = [1, 2, 3].map((n) => finding(n, { at_ms: n * 1000 }));
  const cards = pastCards([], findings, 10);
  expect(cards).toHaveLength(1);
  expect(cards[0]).toMatchObject({ key: 'f3', past: { count: 3 } });
});

it('the_list_of_the_past_is_bounded', () => {
  const findings = Array.from({ length: 100 }, (_, n) => finding(n, { series: n, at_ms: n }));
  expect(pastCards([], findings, 60)).toHaveLength(60);
});

it('a_flood_of_alarms_shows_the_worst_hundred', () => {
  const flood = Array.from({ length: 500 }, (_, id) =>
    alarm(id, { level: id === 3 ? 'critical' : 'warning' })
  );
  expect(openAlarms(flood)).toHaveLength(100);
  expect(openAlarms(flood)[0]!.id).toBe(3);
});

it('the_worst_level_counts', () => {
  expect(worst(['ok', 'critical', 'warning'])).toBe('critical');
  expect(worst([])).toBe('ok');
});

it('a_finding_that_settles_replaces_itself_and_no_card_has_the_key_of_another', () => {
  let findings: FindingRow[] = [];
  for (let number = 1; number <= 2 * FINDINGS_KEPT; number++) {
    // Told twice each, minutes apart, so that nothing else folds them into one card.
    for (const kind of ['spike', 'level_shift']) {
      findings = withFinding(findings, finding(number, { at_ms: number * 600_000, kind }));
    }
  }
  expect(findings.length).toBe(FINDINGS_KEPT);
  expect(findings.every((known) => known.kind === 'level_shift')).toBe(true);
  const keys = pastCards([], findings, 1000).map((card) => card.key);
  expect(new Set(keys).size).toBe(keys.length);
});

it('a_level_that_stayed_is_not_told_as_over', () => {
  const ended = { state: 'returned', raised_ms: 1000, cleared_ms: 4000 } as const;
  expect(overText(alarm(1, { ...ended, kind: 'level_shift' }))).toMatch(/^Closed at /);
  expect(overText(alarm(2, ended))).toMatch(/^Over since .*, lasted 3/);
});
