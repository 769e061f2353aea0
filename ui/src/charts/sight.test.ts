import { expect, it } from 'vitest';

import { awayFrom, fitting } from './sight';

const rows = [1, 2, 3, 4, 5].map((id) => ({ id, feed: 1, name: `s${id}`, unit: null, kind: 'gauge' }));

it('an_alarm_out_of_sight_is_said_to_be_above_or_below', () => {
  const alarmed = new Map([
    [1, 'warning'],
    [3, 'critical'],
    [4, 'warning'],
    [5, 'critical']
  ] as const);
  expect(awayFrom(rows, new Set([2, 3]), alarmed)).toEqual({
    above: [1],
    below: [4, 5],
    levelAbove: 'warning',
    levelBelow: 'critical'
  });
  expect(awayFrom(rows, new Set(), alarmed)).toMatchObject({ above: [], below: [] });
});

it('columns_that_would_be_too_narrow_are_fewer', () => {
  expect([fitting(4, 848), fitting(3, 420), fitting(2, 300), fitting(2, 0)]).toEqual([4, 2, 1, 2]);
});
