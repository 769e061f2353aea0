/** What the grid of charts can show, and what is out of sight that somebody should know of. */
import { worst } from '../alarms/order';
import type { Level } from '../bindings/Level';
import type { SeriesRow } from '../bindings/SeriesRow';

/** A chart that is less wide than this tells little. */
const LEAST_PX = 190;
const GAP_PX = 8;

/** As many columns as were wanted, fewer where they would be too narrow. */
export function fitting(wanted: number, widthPx: number): number {
  if (widthPx === 0) return wanted;
  return Math.max(1, Math.min(wanted, Math.floor((widthPx - GAP_PX) / (LEAST_PX + GAP_PX))));
}

interface Away {
  above: number[];
  below: number[];
  levelAbove: Level;
  levelBelow: Level;
}

/** The series with an alarm whose charts are above or below those in sight. */
export function awayFrom(
  shown: readonly SeriesRow[],
  inSight: ReadonlySet<number>,
  alarmed: ReadonlyMap<number, Level>
): Away {
  const first = shown.findIndex((row) => inSight.has(row.id));
  const away: Away = { above: [], below: [], levelAbove: 'ok', levelBelow: 'ok' };
  // Before the first look nobody knows what is in sight.
  if (first < 0) return away;
  shown.forEach(({ id }, at) => {
    const level = alarmed.get(id);
    if (level === undefined || inSight.has(id)) return;
    if (at < first) {
      away.above.push(id);
      away.levelAbove = worst([away.levelAbove, level]);
    } else {
      away.below.push(id);
      away.levelBelow = worst([away.levelBelow, level]);
    }
  });
  return away;
}
