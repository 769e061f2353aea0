import { expect, it } from 'vitest';

import type { CheckRow } from '../bindings/CheckRow';
import { cellText, cellWords, columnWords, ledgerWords, outcomeOf, percentText, stillMissing } from './words';

const HOUR_MS = 3_600_000;

it('a_percentage_is_never_rounded_up_to_100', () => {
  expect(percentText(100)).toBe('100 %');
  expect(percentText(99.999_99)).toBe('99.99 %');
  expect(percentText(99.98)).toBe('99.98 %');
  expect(percentText(98.7)).toBe('98.70 %');
  expect(percentText(0)).toBe('0.00 %');
  for (let hundredths = 0; hundredths < 10_000; hundredths++) {
    expect(percentText(hundredths / 100)).toBe(`${(hundredths / 100).toFixed(2)} %`);
  }
});

it('what_is_not_known_is_a_dash', () => {
  expect(percentText(null)).toBe('—');
  expect(percentText(NaN)).toBe('—');
});

it('a_column_says_its_time_and_the_day_where_that_is_not_plain', () => {
  const now = new Date(2026, 0, 5, 14, 32).getTime();
  const at = (day: number, hour: number): number => new Date(2026, 0, day, hour).getTime();
  expect(columnWords(at(5, 14), HOUR_MS, now)).toBe('14:00 to 15:00');
  expect(columnWords(at(4, 14), HOUR_MS, now)).toBe('4 Jan 2026, 14:00 to 15:00');
  expect(columnWords(at(4, 0), 24 * HOUR_MS, now)).toBe('4 Jan 2026, 00:00 to 5 Jan 2026, 00:00');
});

const check: CheckRow = {
  check: 'sequence',
  title: 'Sequence',
  score: 'completeness',
  judged: true,
  state: '',
  level: 'ok',
  counts: [0, 1, 3],
  levels: ['ok', 'warning', 'critical']
};

it('a_cell_says_count_and_level_in_words', () => {
  expect(cellWords(check, 0, '14:00 to 15:00')).toBe('Sequence, 14:00 to 15:00: nothing found');
  expect(cellWords(check, 1, 'then')).toBe('Sequence, then: 1 finding, warning');
  expect(cellWords(check, 2, 'then')).toBe('Sequence, then: 3 findings, at worst critical');
  expect(cellWords(check, 9, 'then')).toBe('Sequence, then: nothing found');
  expect(cellWords({ ...check, judged: false }, 2, 'then')).toBe('Sequence, then: not judged');
});

it('a_cell_has_room_for_two_digits', () => {
  expect([1, 99, 100, 640].map(cellText)).toEqual(['1', '99', '99+', '99+']);
});

it('the_ledger_says_only_what_there_was', () => {
  const none = {
    expected: 0,
    received: 0,
    missing: 0,
    filled: 0,
    duplicate: 0,
    late: 0,
    rejected: 0,
    bytes: 0
  };
  expect(ledgerWords(none, 'then')).toBe('Messages, then: none');
  expect(ledgerWords({ ...none, received: 12_480 }, 'then')).toBe('Messages, then: 12,480 received');
  const bad = {
    ...none,
    expected: 100,
    received: 98,
    missing: 3,
    filled: 1,
    duplicate: 4,
    late: 5,
    rejected: 6
  };
  expect(ledgerWords(bad, 'then')).toBe(
    'Messages, then: 100 expected, 98 received, 3 missing, 1 of these came after all, 4 repeated, ' +
      '5 late or out of order, 6 unreadable'
  );
  expect(stillMissing(bad)).toBe(2);
  expect(stillMissing({ ...bad, filled: 9 })).toBe(0);
});

it('an_outcome_that_is_not_known_here_is_said_as_it_is', () => {
  expect(outcomeOf('rejected')).toEqual({ word: 'unreadable', level: 'warning' });
  expect(outcomeOf('parked')).toEqual({ word: 'parked', level: 'ok' });
});
