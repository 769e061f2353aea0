/** What stands beside the crosshair: time, value, what was expected, and why there is a hole. */
import { GAP_CAUSES } from '../backend/frame';
import type { Columns } from './columns';
import { clockTime, fullTime } from './format';

/** `own`: the pointer is in this very chart; the others say the one line that matters. */
export function readout(
  data: Columns,
  ms: number,
  own: boolean,
  slackMs: number,
  number: (value: number) => string
): string {
  const at = data.valueAt(ms, slackMs);
  const gap = data.gapAt(ms, slackMs);
  const lines: string[] = [];
  if (at >= 0) {
    const [min, max] = [data.min[at]!, data.max[at]!];
    lines.push(min === max ? number(min) : `${number(min)} to ${number(max)}`);
    const [low, high] = [data.low[at]!, data.high[at]!];
    if (low <= high) lines.push(`expected ${number(low)} to ${number(high)}`);
  }
  if (gap >= 0) {
    const to = data.gapTo[gap]!;
    const until = Number.isNaN(to) ? 'now' : clockTime(to);
    lines.push(`${GAP_CAUSES[data.gapCause[gap]!] ?? 'Gap'}: ${clockTime(data.gapFrom[gap]!)} to ${until}`);
  }
  if (lines.length === 0) lines.push('no value');
  return own ? [fullTime(ms), ...lines].join('\n') : lines[0]!;
}
