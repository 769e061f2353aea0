/** Numbers and times as the operator reads them. Digits are grouped with commas, times are local, 24 hours. */

const formats = new Map<number, Intl.NumberFormat>();

function fixed(digits: number): Intl.NumberFormat {
  let format = formats.get(digits);
  if (format === undefined) {
    format = new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
    formats.set(digits, format);
  }
  return format;
}

const MINUS = '−';

/** How many digits after the point `value` needs, at most what its size makes worth reading. */
export function digitsNeeded(value: number): number {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || size === 0) return 0;
  const most = size >= 100 ? 2 : size >= 1 ? 3 : Math.min(8, 2 - Math.floor(Math.log10(size)));
  for (let digits = 0; digits < most; digits++) {
    const scaled = size * 10 ** digits;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * Math.max(1, scaled * 1e-6)) return digits;
  }
  return most;
}

export function formatNumber(value: number, digits: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const text = size >= 1e12 || (size > 0 && size < 1e-7) ? size.toExponential(3) : fixed(digits).format(size);
  return value < 0 ? MINUS + text : text;
}

/** A value alone, without a neighbour to share its digits with. */
export function formatValue(value: number): string {
  return formatNumber(value, digitsNeeded(value));
}

export function formatCount(value: number): string {
  return formatNumber(Math.round(value), 0);
}

/** `1 row`, `3 rows`, `2 histories` where the plural is told. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${Math.round(count) === 1 ? one : many}`;
}

/** `8,912/s`, `0.4/s`. */
export function formatRate(perSecond: number): string {
  return `${formatNumber(perSecond, perSecond > 0 && perSecond < 9.95 ? 1 : 0)}/s`;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${formatNumber(size, unit > 0 && size < 9.95 ? 1 : 0)} ${units[unit]}`;
}

/** `0.9 B`, `12.4 M`, `3,120`. */
export function formatMany(count: number): string {
  if (count >= 1e9) return `${formatNumber(count / 1e9, 1)} B`;
  if (count >= 1e6) return `${formatNumber(count / 1e6, 1)} M`;
  return formatCount(count);
}

/** A length of time: `0.8 s`, `48 s`, `2 min`, `1 h 29 min`, `3 d`. */
export function formatLength(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${formatNumber(seconds, seconds < 0.05 ? 0 : 1)} s`;
  if (seconds < 119.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 600) {
    const rest = minutes % 60;
    return rest === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${rest} min`;
  }
  if (seconds < 172_000) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

const HOUR_MS = 3_600_000;

/** How late a feed's messages are. Beyond an hour that is no delay any more: a replay, or a clock that is wrong. */
export function formatLatency(ms: number): string {
  const size = Math.abs(ms);
  if (size > HOUR_MS) {
    const hours = Math.round(size / HOUR_MS);
    const length = hours < 48 ? plural(hours, 'hour') : plural(Math.round(hours / 24), 'day');
    return ms > 0 ? `old data: ${length}` : `dated ${length} ahead`;
  }
  const sign = ms < -0.5 ? MINUS : '';
  return sign + (size < 1000 ? `${Math.round(size)} ms` : formatLength(size));
}

/** An age, in whole seconds: it changes every second, not every tenth. */
export function formatAge(ms: number): string {
  return ms < 9950 ? `${Math.max(0, Math.floor(ms / 1000))} s` : formatLength(ms);
}

const two = (n: number): string => (n < 10 ? `0${n}` : String(n));

export function clockTime(ms: number): string {
  const t = new Date(ms);
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

export function hourMinute(ms: number): string {
  const t = new Date(ms);
  return `${two(t.getHours())}:${two(t.getMinutes())}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** `9 Aug 2026, 21:05`. */
export function dayAndTime(ms: number): string {
  const t = new Date(ms);
  return `${t.getDate()} ${MONTHS[t.getMonth()]} ${t.getFullYear()}, ${hourMinute(ms)}`;
}

const HALF_DAY_MS = 12 * HOUR_MS;

/** The time of day; with the day where that is not plain. */
export function dayOrTime(ms: number, nowMs: number): string {
  return Math.abs(nowMs - ms) < HALF_DAY_MS ? clockTime(ms) : dayAndTime(ms);
}

/** Local date and time with the UTC time at hand. */
export function fullTime(ms: number): string {
  const t = new Date(ms);
  const day = `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
  return `${day} ${clockTime(ms)} (UTC ${new Date(ms).toISOString().slice(11, 19)})`;
}

const KINDS: Record<string, string> = {
  spike: 'Spike',
  dip: 'Dip',
  level_shift: 'Jumped',
  stall: 'Flat',
  variance_up: 'Noisier',
  new_extreme: 'New extreme'
};

/** The word for what a check found. */
export function kindWord(kind: string): string {
  const known = KINDS[kind];
  if (known !== undefined) return known;
  const words = kind.replace(/[_-]+/g, ' ').trim();
  return words === '' ? 'Abnormal' : words[0]!.toUpperCase() + words.slice(1);
}
