/**
 * What is about to be pinned, before it is written. What is wrong with it is the engine's to say: this only moves entries
 * about, and knows whether something was changed.
 */
import type { PinProblem } from '../bindings/PinProblem';
import type { PinsRow } from '../bindings/PinsRow';

export type Section = keyof PinsRow;

export const SECTIONS: readonly Section[] = ['kinds', 'times', 'keys', 'sequence', 'series', 'ignore'];

/** How a section is called in a sentence. */
export const CALLED: Record<Section, string> = {
  kinds: 'kinds of message',
  times: 'time',
  keys: 'keys',
  sequence: 'sequence rules',
  series: 'series',
  ignore: 'what is not charted'
};

export const NOTHING: PinsRow = {
  kinds: null,
  times: null,
  keys: null,
  ignore: [],
  series: [],
  sequence: null
};

const copy = (pins: PinsRow): PinsRow => JSON.parse(JSON.stringify(pins)) as PinsRow;

export class ProfileDraft {
  /** As it is typed. */
  pins = $state<PinsRow>(copy(NOTHING));
  /** As it is written. */
  private base = $state.raw<PinsRow>(NOTHING);
  /** What the engine said of it last. */
  problems = $state.raw<PinProblem[]>([]);

  /** Sections that are not as they are written. */
  readonly changes = $derived(
    SECTIONS.filter((section) => JSON.stringify(this.pins[section]) !== JSON.stringify(this.base[section]))
  );

  /** Begins with what is written; what was typed is forgotten. */
  reset(pins: PinsRow): void {
    this.base = copy(pins);
    this.pins = copy(pins);
    this.problems = [];
  }

  /** What is written changed meanwhile: what was typed stays. */
  follow(pins: PinsRow): void {
    if (this.changes.length === 0) {
      if (JSON.stringify(pins) !== JSON.stringify(this.base)) this.reset(pins);
    } else this.base = copy(pins);
  }

  discard(): void {
    this.reset(this.base);
  }

  isPinned(section: Section): boolean {
    const list = this.pins[section];
    if (list === null) return false;
    // Empty lists of these two say nothing.
    return section === 'series' || section === 'ignore' ? list.length > 0 : true;
  }

  /** Takes a section as it was learned; of series and what is not charted only what is not pinned yet. */
  pin(section: Section, learned: PinsRow): void {
    const from = copy(learned);
    if (section === 'series') {
      const known = new Set(this.pins.series.map(({ path }) => path));
      this.pins.series.push(...from.series.filter(({ path }) => !known.has(path)));
    } else if (section === 'ignore') {
      this.pins.ignore.push(...from.ignore.filter((path) => !this.pins.ignore.includes(path)));
    } else Object.assign(this.pins, { [section]: from[section] });
  }

  unpin(section: Section): void {
    Object.assign(this.pins, { [section]: copy(NOTHING)[section] });
  }

  /** Whether a section can be pinned as it was learned. */
  static canPin(section: Section, learned: PinsRow): boolean {
    const list = learned[section];
    return list !== null && (list.length > 0 || (section !== 'series' && section !== 'ignore'));
  }

  /** All that is not pinned yet, as it was learned. */
  pinAll(learned: PinsRow): void {
    for (const section of SECTIONS) {
      const isList = section === 'series' || section === 'ignore';
      if (ProfileDraft.canPin(section, learned) && (isList || !this.isPinned(section)))
        this.pin(section, learned);
    }
  }

  /** A path is charted as somebody says. */
  chart(path: string, known?: { kind: string; unit: string | null }): void {
    this.pins.ignore = this.pins.ignore.filter((other) => other !== path);
    if (this.pins.series.some((one) => one.path === path)) return;
    const { kind, unit } = known ?? { kind: '', unit: null };
    this.pins.series.push({ path, kind, unit: unit ?? '', low: '', high: '', per_second: '' });
  }

  /** A path is charted no more. */
  ignore(path: string): void {
    this.pins.series = this.pins.series.filter((one) => one.path !== path);
    if (!this.pins.ignore.includes(path)) this.pins.ignore.push(path);
  }

  /** What is wrong with a place. */
  wrong(section: Section, index: number | null = null, field: string | null = null): PinProblem[] {
    return this.problems.filter(
      (problem) => problem.section === section && problem.index === index && problem.field === field
    );
  }

  /** As it is sent: without spaces around, and words that say nothing. */
  typed(): PinsRow {
    const trim = (text: string): string => text.trim();
    const words = (list: readonly string[]): string[] => list.map(trim).filter((word) => word !== '');
    const { kinds, times, keys, ignore, series, sequence } = copy(this.pins);
    return {
      kinds: kinds?.map(trim) ?? null,
      times: times?.map(({ path, unit, of }) => ({ path: trim(path), unit, of: words(of) })) ?? null,
      keys: keys?.map(trim) ?? null,
      ignore: ignore.map(trim),
      series: series.map((one) => ({ ...one, path: trim(one.path), unit: trim(one.unit) })),
      sequence:
        sequence?.map((rule) => ({
          ...rule,
          paths: words(rule.paths),
          per: words(rule.per),
          of: words(rule.of),
          restarts: words(rule.restarts)
        })) ?? null
    };
  }
}
