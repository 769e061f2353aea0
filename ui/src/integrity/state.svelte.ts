/**
 * What the Integrity tab knows and what is chosen in it. It outlives the tab, so that who comes back finds it as it was.
 * An answer to what is no longer asked is thrown away.
 */
import { inWords, type Backend } from '../backend/backend';
import type { FindingRow } from '../bindings/FindingRow';
import type { IntegrityRequest } from '../bindings/IntegrityRequest';
import type { IntegrityView } from '../bindings/IntegrityView';

/** So often it is asked anew while somebody looks. */
export const REFRESH_MS = 5000;
/** An answer that takes longer is waited for no more. */
const GIVE_UP_MS = 20_000;

/** A row, a column, a cell (both), or all (neither). */
export interface Selection {
  check: string | null;
  /** Where the column begins and ends. */
  fromMs: number | null;
  toMs: number | null;
}

export const ALL: Selection = { check: null, fromMs: null, toMs: null };

export interface Chosen {
  findings: FindingRow[];
  /** Findings of the selection that are not among them. */
  more: number;
  /** `asked`: the answer is on its way; `unknown`: there was none. */
  state: 'told' | 'asked' | 'unknown';
}

export class Integrity {
  view = $state.raw<IntegrityView | null>(null);
  /** Why the last question had no answer. */
  problem = $state<string | null>(null);
  selection = $state.raw<Selection>(ALL);
  /** When the view was answered, by the page's clock. */
  answeredMs = $state(0);
  /** Findings of the selection alone, where the view had no room for them all. */
  private detail = $state.raw<{ selection: Selection; chosen: Chosen } | null>(null);
  private flight = 0;
  private askedAt: number | null = null;

  constructor(private readonly backend: Backend) {}

  /** Asks what is shown now; of another feed nothing of this one stays. */
  async ask(request: IntegrityRequest): Promise<void> {
    const flight = ++this.flight;
    this.askedAt = performance.now();
    if (this.view !== null && this.view.feed !== request.feed) this.forget();
    try {
      const view = await this.backend.integrity(request);
      if (flight !== this.flight) return;
      this.view = view;
      this.answeredMs = Date.now();
      this.problem = null;
      void this.askDetail();
    } catch (error) {
      if (flight === this.flight) this.problem = inWords(error);
    } finally {
      if (flight === this.flight) this.askedAt = null;
    }
  }

  /** The same again, unless the last question is still on its way. */
  async refresh(request: IntegrityRequest): Promise<void> {
    if (this.askedAt === null || performance.now() - this.askedAt > GIVE_UP_MS) await this.ask(request);
  }

  private forget(): void {
    this.view = null;
    this.problem = null;
    this.selection = ALL;
    this.detail = null;
  }

  choose(selection: Selection): void {
    this.selection = selection;
    this.detail = null;
    void this.askDetail();
  }

  /** Less than all findings of the span is selected. */
  readonly narrowed = $derived(!same(this.selection, ALL));

  /** The selected column lies beside the span that is shown: time moved on, or was moved. */
  readonly beside = $derived(this.view !== null && isBeside(this.view, this.selection));

  readonly chosen = $derived.by<Chosen>(() => {
    const { view, selection, detail } = this;
    if (view === null) return { findings: [], more: 0, state: 'asked' };
    const lacks = lacking(view, selection);
    if (lacks && detail !== null && same(detail.selection, selection)) return detail.chosen;
    if (isBeside(view, selection)) return { findings: [], more: 0, state: 'asked' };
    const findings = within(view.findings, selection);
    const more = lacks ? Math.max(0, counted(view, selection) - findings.length) : 0;
    return { findings, more, state: 'told' };
  });

  /** Findings of a column that the view has no room for, or that lies beside it, are asked by themselves. */
  private async askDetail(): Promise<void> {
    const { view, selection, flight } = this;
    const { fromMs, toMs } = selection;
    if (view === null || fromMs === null || toMs === null || !lacking(view, selection)) return;
    try {
      const request = { feed: view.feed, from_ms: fromMs, to_ms: toMs, columns: 1 };
      const { findings: all, more_findings } = await this.backend.integrity(request);
      if (flight !== this.flight || selection !== this.selection) return;
      const findings = within(all, selection);
      // How many a column beside the span has of each check is not in the view.
      const counts = isBeside(view, selection) ? more_findings : counted(view, selection) - findings.length;
      const more = more_findings === 0 ? 0 : Math.max(0, counts);
      this.detail = { selection, chosen: { findings, more, state: 'told' } };
    } catch {
      // What the view itself has is shown, and that there are more; of a column beside it nothing is known.
      const known = this.detail !== null && same(this.detail.selection, selection);
      if (selection !== this.selection || known || !isBeside(view, selection)) return;
      this.detail = { selection, chosen: { findings: [], more: 0, state: 'unknown' } };
    }
  }
}

/** Whether the view may have left out findings of the selection: it has the latest of the span. */
function lacking(view: IntegrityView, selection: Selection): boolean {
  const oldest = view.findings.at(-1)?.at_ms ?? Infinity;
  const isOld = view.more_findings > 0 && (selection.fromMs ?? -Infinity) <= oldest;
  return isOld || isBeside(view, selection);
}

/** Whether the selected column begins or ends outside of the view. */
function isBeside(view: IntegrityView, { fromMs, toMs }: Selection): boolean {
  if (fromMs === null || toMs === null) return false;
  return fromMs < view.from_ms || toMs > view.from_ms + view.columns.length * view.step_ms;
}

/** How many findings the selection has, by the counts of the matrix. */
function counted(view: IntegrityView, { check, fromMs }: Selection): number {
  if (check === null && fromMs === null) return view.findings.length + view.more_findings;
  const column = fromMs === null ? null : Math.round((fromMs - view.from_ms) / view.step_ms);
  let sum = 0;
  for (const row of view.checks) {
    if (check !== null && row.check !== check) continue;
    if (column !== null) sum += row.counts[column] ?? 0;
    else for (const count of row.counts) sum += count;
  }
  return sum;
}

export function same(a: Selection, b: Selection): boolean {
  return a.check === b.check && a.fromMs === b.fromMs && a.toMs === b.toMs;
}

/** Those of the selection; a column has its begin and not its end. */
export function within(findings: readonly FindingRow[], selection: Selection): FindingRow[] {
  const { check, fromMs, toMs } = selection;
  return findings.filter(
    (finding) =>
      (check === null || finding.check === check) &&
      (fromMs === null || finding.at_ms >= fromMs) &&
      (toMs === null || finding.at_ms < toMs)
  );
}
