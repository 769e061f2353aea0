/** What an empty chart says: it waits, nothing was recorded then, or its values are of another time. */
import { NO_HISTORY } from '../backend/frame';
import { clockTime, dayOrTime } from './format';

export interface Looked {
  fromMs: number;
  toMs: number;
  nowMs: number;
  flags: number;
  /** The last value and its time, NaN without. */
  last: number;
  lastMs: number;
}

export interface Empty {
  text: string;
  /** Where values are; `null`: that is not known. */
  valuesMs: number | null;
}

export function emptyWords({ fromMs, toMs, nowMs, flags, last, lastMs }: Looked): Empty {
  const back = toMs !== nowMs;
  const elsewhere = lastMs < fromMs || (!back && lastMs > toMs);
  if (Number.isFinite(last) && elsewhere) return { text: valuesOf(lastMs, nowMs), valuesMs: lastMs };
  if (!back) return { text: 'Waiting for the first value…', valuesMs: null };
  const text =
    (flags & NO_HISTORY) !== 0 ? 'There is no history of this time.' : 'Nothing was recorded then.';
  return { text, valuesMs: null };
}

function valuesOf(ms: number, nowMs: number): string {
  const when = dayOrTime(ms, nowMs);
  return when === clockTime(ms) ? `The last value is of ${when}.` : `The values are of ${when}.`;
}
