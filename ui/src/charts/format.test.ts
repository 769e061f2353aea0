import { describe, expect, it } from 'vitest';

import { timeSplits, valueLabels, valueSplits } from './axes';
import {
  digitsNeeded,
  formatAge,
  formatBytes,
  formatLatency,
  formatLength,
  formatMany,
  formatNumber,
  formatRate,
  formatValue,
  fullTime,
  kindWord,
  plural
} from './format';

describe('numbers', () => {
  it.each([
    [3931.8, '3,931.8'],
    [97204.125, '97,204.13'],
    [1.84, '1.84'],
    [0.0412, '0.0412'],
    [8912, '8,912'],
    [0, '0'],
    [-0.5, '−0.5'],
    [1 / 3, '0.333'],
    [0.1 + 0.2, '0.3'],
    [2.5e15, '2.500e+15'],
    [NaN, '–'],
    [Infinity, '–']
  ])('%d_reads_%s', (value, text) => {
    expect(formatValue(value)).toBe(text);
  });

  it('keeps_the_digits_it_is_given', () => {
    expect(formatNumber(3931.8, 2)).toBe('3,931.80');
    expect(digitsNeeded(231.77)).toBe(2);
  });

  it('says_rates_sizes_and_counts', () => {
    expect(formatRate(8912.4)).toBe('8,912/s');
    expect(formatRate(0.42)).toBe('0.4/s');
    expect(formatRate(0)).toBe('0/s');
    expect(formatBytes(2.1e9)).toBe('2.1 GB');
    expect(formatBytes(96e6)).toBe('96 MB');
    expect(formatBytes(12)).toBe('12 B');
    expect(formatMany(9.4e8)).toBe('940.0 M');
    expect(formatMany(1204)).toBe('1,204');
  });

  it('says_lengths_and_ages', () => {
    expect(formatLength(800)).toBe('0.8 s');
    expect(formatLength(48_000)).toBe('48 s');
    expect(formatLength(120_000)).toBe('2 min');
    expect(formatLength(3_600_000)).toBe('1 h');
    expect(formatLength(5_340_000)).toBe('1 h 29 min');
    expect(formatLength(86_400_000 * 3)).toBe('3 d');
    expect(formatAge(-5)).toBe('0 s');
    expect(formatAge(1900)).toBe('1 s');
  });

  it('has_the_UTC_time_at_hand', () => {
    expect(fullTime(Date.UTC(2026, 0, 5, 14, 32, 7))).toContain('(UTC 14:32:07)');
  });

  it('has_a_word_for_every_kind', () => {
    expect(kindWord('level_shift')).toBe('Jumped');
    expect(kindWord('stall')).toBe('Flat');
    expect(kindWord('something_else')).toBe('Something else');
    expect(kindWord('')).toBe('Abnormal');
  });
});

describe('words', () => {
  it('one_of_a_thing_has_no_s', () => {
    expect([0, 1, 2].map((count) => plural(count, 'row'))).toEqual(['0 rows', '1 row', '2 rows']);
    expect(plural(1200, 'alarm needs', 'alarms need')).toBe('1,200 alarms need');
  });

  it.each([
    [12.4, '12 ms'],
    [-40, '−40 ms'],
    [48_000, '48 s'],
    [7_200_000, 'old data: 2 hours'],
    [106 * 86_400_000, 'old data: 106 days'],
    [-3 * 3_600_000, 'dated 3 hours ahead']
  ])('a_delay_of_%d_ms_reads_%s', (ms, text) => {
    expect(formatLatency(ms)).toBe(text);
  });
});

describe('axes', () => {
  it('has_round_times_that_fit', () => {
    const from = Date.UTC(2026, 0, 5, 14, 27, 7);
    const splits = timeSplits(from, from + 300_000, 340, 68);
    expect(splits.length).toBeGreaterThan(2);
    expect(splits.length).toBeLessThan(7);
    for (const at of splits) expect(at % 60_000).toBe(0);
  });

  it('has_round_values_with_shared_digits', () => {
    expect(valueLabels(valueSplits(3888, 3936, 4))).toEqual(['3,900', '3,920']);
    expect(valueLabels(valueSplits(0.01, 0.07, 4))).toEqual(['0.02', '0.04', '0.06']);
    expect(valueLabels(valueSplits(1.2, 2.4, 5))).toEqual(['1.25', '1.50', '1.75', '2.00', '2.25']);
    expect(valueSplits(5, 5, 4)).toEqual([]);
    expect(valueSplits(-Infinity, 5, 4)).toEqual([]);
  });
});
