/** The checks of the fake engine, and what each of them would say. */
import type { Level } from '../bindings/Level';

export interface FakeCheck {
  check: string;
  title: string;
  score: string;
  level: Level;
  kind: string;
  /** A finding. */
  text: string;
  /** The kind that tells the end, and what it says. */
  over: string;
  overText: string;
  /** How it stands while it fails. */
  failing: string;
  /** Why it cannot be judged. */
  why: string;
  rule: string;
  /** Whether a message shows it. */
  shown: boolean;
}

type Row = readonly [
  check: string,
  title: string,
  score: string,
  level: Level,
  kind: string,
  text: string,
  over: string,
  overText: string,
  failing: string,
  why: string,
  rule: string
];

const ROWS: readonly Row[] = [
  [
    'sequence',
    'Sequence',
    'completeness',
    'warning',
    'gap',
    'Lost 3 messages of BTC-USD: 17 to 19 never came.',
    'healed',
    '3 were missing, all arrived 2.1 s late.',
    '3 messages are missing, in 1 gap.',
    'Nothing in this feed counts its messages.',
    '/seq per product_id goes up by one: held on 1,029 of 1,029 messages.'
  ],
  [
    'duplicate',
    'Repeated',
    'completeness',
    'info',
    'repeated',
    'Message 71,200,441 of BTC-USD came twice, 40 ms apart.',
    'repeated',
    '2 came twice; none for 12 min.',
    'Messages come twice.',
    'No message has a number or an identity.',
    'Messages with the same /seq and product_id are the same message.'
  ],
  [
    'conflict',
    'Conflict',
    'validity',
    'critical',
    'same-identity',
    'Two messages are numbered 71,200,441 and say different prices: 97,204.10 and 97,240.10.',
    'same-identity',
    'One conflict, 12 min ago.',
    'Messages of the same number differ.',
    'No message has a number or an identity.',
    'Copies of a message are compared in all their fields.'
  ],
  [
    'order',
    'Order',
    'order',
    'info',
    'out-of-order',
    'Message 118 of ETH-USD came after 119.',
    'out-of-order',
    'One message came out of order, 12 min ago.',
    '1 message came out of order.',
    'Nothing in this feed orders its messages.',
    '/time per product_id never goes back: held on 1,030 of 1,030 messages.'
  ],
  [
    'lateness',
    'Late',
    'timeliness',
    'warning',
    'late',
    'A message came 4.2 s late; 12 ms is usual.',
    'late',
    'Late for 2.1 s; 12 ms again.',
    'Messages come 4.2 s late; 12 ms is usual.',
    'The feed tells no time of its own.',
    '/time is the time of the event (RFC 3339).'
  ],
  [
    'silence',
    'Silence',
    'timeliness',
    'critical',
    'silent',
    'No message for 48 s. It usually sends every 0.2 s, at most every 1.1 s.',
    'resumed',
    'Was silent for 2.1 s, then came back.',
    'No message for 48 s; every 0.2 s is usual.',
    'Too few messages yet to know its rhythm.',
    'A message every 0.2 s, at most every 1.1 s: learned from 12,480 messages.'
  ],
  [
    'rate',
    'Rate',
    'timeliness',
    'warning',
    'low',
    'It sends 2.5 % of what is usual at this hour: 0.8/s, usual 31/s.',
    'low',
    'Was at 2.5 % for 2.1 s; 31/s again.',
    'Sends 2.5 % of what is usual at this hour.',
    'Too few messages yet to know its rhythm.',
    '31 messages a second at this hour, give or take 4.'
  ],
  [
    'clock',
    'Clock',
    'timeliness',
    'warning',
    'step',
    'The clock of the source jumped by 3.0 s.',
    'step',
    'The clock jumped by 3.0 s, and back again.',
    'The clock of the source is 3.0 s ahead.',
    'The feed tells no time of its own.',
    'The clock of the source runs 12 ms behind ours, steady within 3 ms.'
  ],
  [
    'schema',
    'Shape',
    'validity',
    'info',
    'appeared',
    'A field appeared: performer.is_temp, in 4 of 31 messages per second. Nothing else changed.',
    'lost',
    'performer.is_temp came and went.',
    'A field appeared: performer.is_temp.',
    'The messages have no fields.',
    '14 fields in 3 kinds of message, unchanged for 1,029 messages.'
  ],
  [
    'range',
    'Range',
    'validity',
    'warning',
    'outside',
    'press-4.temp is 412 °C; 60 to 84 °C was all there ever was.',
    'outside',
    'Outside for 2.1 s; within again.',
    'press-4.temp is outside of 60 to 84 °C.',
    'No series is old enough to know its range.',
    'press-4.temp lies between 60 and 84 °C, and moves by at most 0.4 °C a second.'
  ],
  [
    'decode',
    'Readable',
    'validity',
    'warning',
    'rejected',
    'A message cannot be read: a string has no end, from byte 54 on.',
    'rejected',
    '3 could not be read; none for 12 min.',
    'Messages cannot be read.',
    'No message has come yet.',
    'The payload is JSON: 12,480 of 12,480 messages could be read.'
  ],
  [
    'checksum',
    'Checksum',
    'authenticity',
    'critical',
    'mismatch',
    'The checksum of a book differs: 3,310,070,434 was told, 905,113,271 comes out.',
    'mismatch',
    'One differed, 12 min ago; a new snapshot agreed.',
    'The checksum of a book differs.',
    'No field of the feed is a checksum.',
    '/checksum is the CRC-32 of the book: agreed on 290 of 290 messages.'
  ],
  [
    'signature',
    'Signature',
    'authenticity',
    'critical',
    'mismatch',
    'The signature of a message is not from the key that was given.',
    'mismatch',
    'One was not from the key, 12 min ago.',
    'Signatures are not from the key that was given.',
    'No key was given for this feed.',
    'The header X-Signature is HMAC-SHA-256 of the payload: agreed on 97 of 97 messages.'
  ],
  [
    'agreement',
    'Lines agree',
    'authenticity',
    'warning',
    'lines-differ',
    'The lines preferred and tokyo differ at message 71,200,441.',
    'lines-differ',
    'The lines differed for 2.1 s, and agree again.',
    'The lines preferred and tokyo differ.',
    'The feed has one endpoint.',
    'What comes over preferred and tokyo is compared: 12,480 messages were the same.'
  ],
  [
    'security',
    'Security',
    'authenticity',
    'warning',
    'certificate',
    "The server's certificate changed; its name and issuer are the same.",
    'certificate',
    'The certificate changed once, as the one before expired.',
    "The server's certificate ends in 3 days.",
    'The connection is not encrypted.',
    'TLS 1.3; the certificate is valid until 14 March 2027.'
  ],
  [
    'connection',
    'Connection',
    'completeness',
    'warning',
    'closed',
    'The server closed the connection (1006).',
    'resumed',
    'The connection came back after 2.1 s.',
    'The connection is down: connection refused.',
    'The feed is a file: there is no connection.',
    'One connection, up for 4 h 12 min.'
  ]
];

/** Nothing in a message shows these. */
const UNSHOWN = ['silence', 'rate', 'security', 'connection'];

export const CHECKS: readonly FakeCheck[] = ROWS.map(
  ([check, title, score, level, kind, text, over, overText, failing, why, rule]) => ({
    check,
    title,
    score,
    level,
    kind,
    text,
    over,
    overText,
    failing,
    why,
    rule,
    shown: !UNSHOWN.includes(check)
  })
);

export const SCORES = [
  {
    name: 'completeness',
    percent: 99.98,
    failing: '3 of 12,480 messages are missing.',
    well: 'All 12,480 messages came.',
    unknown: 'Nothing in this feed counts its messages.'
  },
  {
    name: 'order',
    percent: 99.99,
    failing: '1 of 12,480 messages came out of order.',
    well: 'All 12,480 messages came in order.',
    unknown: 'Nothing in this feed orders its messages.'
  },
  {
    name: 'timeliness',
    percent: 98.7,
    failing: 'On time for 59 min 12 s of the last hour.',
    well: 'On time for all of the span.',
    unknown: 'The feed tells no time, and its rhythm is not known yet.'
  },
  {
    name: 'validity',
    percent: 99.96,
    failing: '5 of 12,480 messages are not as they should be.',
    well: 'All 12,480 messages are as they should be.',
    unknown: 'No message has come yet.'
  },
  {
    name: 'authenticity',
    percent: 99.65,
    failing: '1 of 290 checksums differs.',
    well: 'All 290 checksums agree.',
    unknown: 'The feed has no checksum or signature.'
  }
] as const;
