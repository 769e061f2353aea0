import { expect, it } from 'vitest';

import type { IntegrityView } from '../bindings/IntegrityView';
import { FakeIntegrity } from './fake-integrity';
import { FakeWorld } from './fake-world';

const NOW = Date.UTC(2026, 0, 5, 14, 32, 7);
const DAY_MS = 86_400_000;
const fake = new FakeIntegrity(new FakeWorld(7, 0, NOW));
const view = (feed: number, spanMs = DAY_MS, columns = 24): IntegrityView =>
  fake.view({ feed, from_ms: NOW - spanMs, to_ms: NOW, columns });

it('every_check_fails_has_healed_is_quiet_and_is_not_judged_in_four_feeds', () => {
  const views = [1, 2, 3, 4].map((feed) => view(feed));
  for (let i = 0; i < views[0]!.checks.length; i++) {
    const rows = views.map((one) => one.checks[i]!);
    const found = rows.map((row) => row.counts.reduce((sum, count) => sum + count, 0));
    expect(rows.filter((row) => !row.judged)).toHaveLength(1);
    expect(rows.filter((row) => row.level !== 'ok')).toHaveLength(1);
    expect(rows.filter((row, k) => row.level === 'ok' && found[k]! > 0)).toHaveLength(1);
    expect(rows.filter((row, k) => row.judged && found[k] === 0)).toHaveLength(1);
  }
});

it('counts_are_those_of_the_findings_in_every_span', () => {
  for (const [feed, spanMs] of [
    [1, DAY_MS],
    [2, 7 * DAY_MS],
    [3, 3_600_000]
  ] as const) {
    const { checks, findings, more_findings, columns } = view(feed, spanMs);
    const counted = checks.flatMap((row) => row.counts).reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(findings.length + more_findings);
    for (const row of checks)
      expect([row.counts.length, row.levels.length]).toEqual([columns.length, columns.length]);
  }
});

it('a_feed_without_anything_to_judge_has_no_score', () => {
  const world = new FakeWorld(7, 0, NOW);
  world.feeds.push({ ...world.feeds[0]!, id: 8, name: 'young', title: 'Young' });
  const young = new FakeIntegrity(world).view({ feed: 8, from_ms: NOW - DAY_MS, to_ms: NOW, columns: 24 });
  expect(young.scores.map((score) => score.percent)).toEqual([null, null, null, null, null]);
  expect(young.note).not.toBe('');
});
