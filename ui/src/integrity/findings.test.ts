import { describe, expect, it } from 'vitest';

import { all, aPageForEveryTest, backend, click, one, page, pass, press } from '../test-page';
import { answer, asked, cells, found, open, row, said, withFindings } from './test-tab';

aPageForEveryTest();

describe('findings', () => {
  it('are_those_of_the_span_the_latest_first', async () => {
    await open(2);
    const times = page.integrity.chosen.findings.map((finding) => finding.at_ms);
    expect(times.length).toBeGreaterThan(5);
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(new Set(found()).size).toBeGreaterThan(2);
  });

  it('are_those_of_a_row_a_column_or_a_cell_when_it_is_selected', async () => {
    await open(1);
    const everything = found().length;
    row('rate').querySelector<HTMLElement>('[data-column="-1"]')!.click();
    await pass(0);
    const ofRow = found();
    expect(new Set(ofRow)).toEqual(new Set(['rate']));
    expect(ofRow).toHaveLength(3);
    withFindings('rate')[0]!.click();
    await pass(0);
    expect(found()).toEqual(['rate']);
    const column = Number(withFindings('rate')[0]!.dataset['column']);
    all('ledger')[column]!.click();
    await pass(0);
    expect(found().length).toBeGreaterThan(1);
    expect(found().length).toBeLessThan(everything);
    expect(new Set(found()).size).toBeGreaterThan(1);
    press('Escape');
    await pass(0);
    expect(found()).toHaveLength(everything);
    expect(page.selectedFeed).toBe(2);
    press('Escape');
    await pass(0);
    expect(page.selectedFeed).toBe(null);
  });

  it('of_a_quiet_cell_are_none_and_that_is_said', async () => {
    await open(1);
    cells('sequence')[0]!.click();
    await pass(0);
    expect(said('found-none')).toBe('Nothing was found here.');
    cells('duplicate')[0]!.click();
    await pass(0);
    expect(said('found-none')).toContain('not judged');
    await click('findings-all');
    expect(found().length).toBeGreaterThan(3);
  });

  it('of_another_span_keep_the_check_and_lose_the_column', async () => {
    await open(1);
    withFindings('rate')[0]!.click();
    await pass(0);
    press('3');
    await pass(0);
    expect(page.integrity.selection).toEqual({ check: 'rate', fromMs: null, toMs: null });
    // The fourth one is older than what the answer has room for.
    expect(found()).toHaveLength(3);
    expect(said('found-left')).toMatch(/^1 earlier finding is not listed/);
  });

  it('of_a_column_that_moved_out_of_the_span_stay_and_that_is_said', async () => {
    await open(1);
    const cell = withFindings('rate')[0]!;
    cell.click();
    await pass(0);
    const before = page.integrity.chosen.findings.map((finding) => finding.text);
    expect(before).toHaveLength(1);
    expect(all('found-beside')).toHaveLength(0);
    const chosen = page.integrity.selection;
    page.pause(chosen.fromMs! - 1000);
    await pass(0);
    expect(page.integrity.selection).toEqual(chosen);
    expect(page.integrity.chosen.findings.map((finding) => finding.text)).toEqual(before);
    expect(said('found-beside')).toBe('outside of the span shown above');
    page.live();
    await pass(0);
    expect(all('found-beside')).toHaveLength(0);
    expect(page.integrity.chosen.findings.map((finding) => finding.text)).toEqual(before);
  });

  it('of_a_column_outside_that_cannot_be_asked_are_not_said_to_be_none', async () => {
    await open(1);
    withFindings('rate')[0]!.click();
    await pass(0);
    const before = backend.integrity.bind(backend);
    backend.integrity = async (request) => {
      if (request.columns === 1) throw new Error('The history cannot be read.');
      return before(request);
    };
    page.pause(page.integrity.selection.fromMs! - 1000);
    await pass(0);
    expect(said('found-none')).toContain('could not be asked');
  });

  it('that_did_not_fit_the_answer_are_asked_by_themselves', async () => {
    await open(1);
    press('3');
    await pass(0);
    expect(page.integrity.view!.more_findings).toBeGreaterThan(0);
    expect(said('found-left')).toMatch(/^\d+ earlier findings are not listed/);
    const first = withFindings('conflict')[0]!;
    first.click();
    await pass(0);
    expect(asked().at(-1)!.columns).toBe(1);
    expect(found()).toEqual(['conflict']);
    expect(all('found-left')).toHaveLength(0);
  });

  it('may_have_the_same_number_twice', async () => {
    answer(({ findings }) => ({ findings: [findings[0]!, findings[0]!, findings[1]!] }));
    await open(1);
    expect(found()).toHaveLength(3);
  });

  it('lead_to_their_moment_on_the_charts', async () => {
    await open(1);
    const { at_ms } = page.integrity.chosen.findings[0]!;
    one('found').querySelector<HTMLElement>('button:last-child')!.click();
    await pass(0);
    expect(page.tab).toBe('charts');
    expect(page.untilMs).toBeGreaterThan(at_ms);
  });
});
