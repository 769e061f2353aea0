/** What the fake engine knows of its feeds, and how it takes what is pinned. The first feed has much, the fifth nothing. */
import type { FeedRow } from '../bindings/FeedRow';
import type { PathKnown } from '../bindings/PathKnown';
import type { PinProblem } from '../bindings/PinProblem';
import type { PinsRow } from '../bindings/PinsRow';
import type { ProfileRequest } from '../bindings/ProfileRequest';
import type { ProfileView } from '../bindings/ProfileView';
import { failure, type FakeWorld } from './fake-world';

const SHOWN = 200;
/** So many paths the first feed has beyond those that are written here. */
const MORE_PATHS = 240;

export const NO_PINS: PinsRow = {
  kinds: null,
  times: null,
  keys: null,
  ignore: [],
  series: [],
  sequence: null
};

export const LEARNED: PinsRow = {
  kinds: ['/type'],
  times: [{ path: '/time', unit: 'rfc3339', of: ['ticker'] }],
  keys: ['/product_id'],
  ignore: ['/trade_id'],
  series: [
    { path: '/last_size', kind: 'gauge', unit: '', low: '', high: '', per_second: '' },
    { path: '/price', kind: 'gauge', unit: 'USD', low: '', high: '', per_second: '' }
  ],
  sequence: [
    {
      paths: ['/sequence'],
      rule: 'plus-one',
      modulus: '',
      per: ['/product_id'],
      of: ['ticker'],
      restarts: ['snapshot']
    }
  ]
};

export class FakeProfiles {
  private readonly pinned = new Map<string, PinsRow>();

  constructor(private readonly world: FakeWorld) {}

  view(request: ProfileRequest): ProfileView {
    const feed = this.world.feeds.find((row) => row.id === request.feed);
    if (feed === undefined) throw failure('not_found', 'There is no such feed (any more).', '');
    const pins = this.pinned.get(feed.name) ?? NO_PINS;
    return viewOf(request, feed, pins, feed.name === 'fleet' ? 0 : 1030);
  }

  looked(request: ProfileRequest, pins: PinsRow | null, messages: number): ProfileView {
    return viewOf(request, { name: 'look', title: 'look' }, pins ?? NO_PINS, messages);
  }

  /** Pins something; gives what takes it back. */
  set(name: string, pins: PinsRow): () => void {
    const first = check(pins)[0];
    if (first !== undefined) throw failure('pins', first.message, first.cure);
    const before = this.pinned.get(name) ?? NO_PINS;
    this.pinned.set(name, structuredClone(pins));
    return () => this.pinned.set(name, before);
  }
}

/** Some of what the engine finds wrong. */
export function check(pins: PinsRow): PinProblem[] {
  const problems: PinProblem[] = [];
  const isPath = (path: string): boolean => path.startsWith('/') || path.startsWith('topic');
  const say = (
    section: string,
    index: number,
    field: string | null,
    message: string,
    cure: string
  ): unknown => problems.push({ section, index, field, message, cure });
  const paths = (section: string, list: readonly string[], field: string | null, index?: number): void =>
    list.forEach((path, i) => {
      if (!isPath(path))
        say(section, index ?? i, field, `"${path}" is no path.`, 'Write it as /field/below, or topic:/1.');
    });
  paths('kinds', pins.kinds ?? [], null);
  pins.times?.forEach(({ path }, i) => paths('times', [path], 'path', i));
  paths('keys', pins.keys ?? [], null);
  paths('ignore', pins.ignore, null);
  pins.series.forEach(({ path, low }, i) => {
    paths('series', [path], 'path', i);
    if (low !== '' && Number.isNaN(Number(low)))
      say('series', i, 'low', '"low" should be a number, but is a text.', '');
  });
  pins.sequence?.forEach(({ paths: list, rule, modulus }, i) => {
    paths('sequence', list, 'paths', i);
    if (rule === 'plus-one-modulo' && modulus === '')
      say('sequence', i, null, 'Plus-one-modulo needs its modulus.', 'Add modulus = 256.');
  });
  return problems;
}

function viewOf(
  request: ProfileRequest,
  { name, title }: Pick<FeedRow, 'name' | 'title'>,
  pins: PinsRow,
  messages: number
): ProfileView {
  const none: ProfileView = {
    feed: request.feed,
    name,
    title,
    format: 'unknown',
    messages,
    note: 'Nothing known yet: no message has come.',
    fixed: '',
    pins: structuredClone(pins),
    learned: NO_PINS,
    words: [],
    kinds: [],
    times: [],
    keys: [],
    sequence: [],
    checksums: [],
    series: [],
    series_found: 0,
    series_paths: 0,
    series_total: 0,
    ignored: [],
    ignored_total: 0,
    rhythm: []
  };
  if (messages === 0) return none;
  const all = pathsOf(name);
  const find = request.find.trim().toLowerCase();
  const found = all.filter(({ path, names }) => `${path} ${names.join(' ')}`.toLowerCase().includes(find));
  return {
    ...none,
    format: 'json',
    note: '',
    learned: structuredClone(LEARNED),
    words: ['ticker', 'heartbeat', 'snapshot'],
    kinds: [
      { says: '/type is ticker', messages: Math.round(messages * 0.98) },
      { says: '/type is heartbeat', messages: Math.round(messages * 0.02) }
    ],
    times: [
      { path: '/time', says: 'rfc3339, where /type is ticker', held: '' },
      { path: '/updated', says: 'ms, not taken for the event time', held: '' }
    ],
    keys: [{ path: '/product_id', says: '', held: '' }],
    sequence: [
      {
        path: '/sequence',
        says: 'plus-one for each /product_id; begun anew where /type is snapshot',
        held: 'held on 1,029 of 1,029 pairs'
      }
    ],
    checksums: [{ path: '/checksum', says: 'crc32-book', held: 'held on 290 of 290 messages' }],
    series: found.slice(0, SHOWN),
    series_found: found.length,
    series_paths: all.length,
    series_total: all.reduce((sum, path) => sum + path.series, 0),
    ignored: [
      { path: '/note', says: 'it is text', held: '' },
      { path: '/trade_id', says: 'it names a thing', held: '' }
    ],
    ignored_total: 2,
    rhythm: [
      'Usually 8,912 messages a second.',
      'Between two messages usually 0.2 s pass, of late 1.1 s at most; after 2.2 s without one it counts as silent.'
    ]
  };
}

function pathsOf(name: string): PathKnown[] {
  const plain = { kind: 'gauge', unit: null, series: 1, names: [] };
  const paths: PathKnown[] = [
    { ...plain, path: '/last_size', series: 2, names: ['BTC-USD.last_size', 'ETH-USD.last_size'] },
    { ...plain, path: '/price', unit: 'USD', series: 2, names: ['BTC-USD.price', '<b>hostile</b>.price'] }
  ];
  for (let i = 0; name === 'spot' && i < MORE_PATHS; i++)
    paths.push({ ...plain, path: `/level/${i}/size`, names: [`level.${i}.size`] });
  return paths;
}
