import { describe, expect, it } from 'vitest';

import { NO_HISTORY } from '../backend/frame';
import { emptyWords, type Looked } from './empty';

const NOW = new Date(2026, 10, 24, 14, 30).getTime();
const AUGUST = new Date(2026, 7, 9, 21, 5).getTime();
const SPAN_MS = 300_000;

function said(part: Partial<Looked> & { toMs?: number } = {}): [string, number | null] {
  const toMs = part.toMs ?? NOW;
  const looked = { fromMs: toMs - SPAN_MS, toMs, nowMs: NOW, flags: 0, last: NaN, lastMs: NaN, ...part };
  const { text, valuesMs } = emptyWords(looked);
  return [text, valuesMs];
}

describe('an empty chart', () => {
  it('waits_while_it_is_live', () => {
    expect(said()).toEqual(['Waiting for the first value…', null]);
    expect(said({ last: NaN, lastMs: AUGUST })).toEqual(['Waiting for the first value…', null]);
  });

  it('says_that_nothing_was_recorded_then', () => {
    const toMs = NOW - 7_200_000;
    expect(said({ toMs })).toEqual(['Nothing was recorded then.', null]);
    expect(said({ toMs, last: 4, lastMs: NOW })).toEqual(['Nothing was recorded then.', null]);
  });

  it('claims_nothing_of_a_history_that_is_not_there', () => {
    expect(said({ toMs: NOW - 7_200_000, flags: NO_HISTORY })[0]).toBe('There is no history of this time.');
  });

  it('tells_of_what_time_its_values_are', () => {
    const told = ['The values are of 9 Aug 2026, 21:05.', AUGUST];
    expect(said({ last: 65_083.67, lastMs: AUGUST })).toEqual(told);
    expect(said({ toMs: NOW - 7_200_000, last: 65_083.67, lastMs: AUGUST })).toEqual(told);
    expect(said({ last: 1, lastMs: NOW - 600_000 })).toEqual([
      'The last value is of 14:20:00.',
      NOW - 600_000
    ]);
  });

  it('tells_of_values_dated_ahead', () => {
    expect(said({ last: 1, lastMs: NOW + 40 * 86_400_000 })[0]).toMatch(/^The values are of \d+ Jan 2027/);
  });
});
