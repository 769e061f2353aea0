/** The keys of the window. They are not taken from somebody who types, nor from a dialog or a menu. */

export const KEYS: readonly (readonly [string, string])[] = [
  ['C', 'Charts'],
  ['I', 'Integrity of the selected feed'],
  ['P', 'What is known of the selected feed, and what of it is pinned'],
  ['Space', 'Pause the charts, or go on'],
  ['L', 'Live'],
  ['A', 'Acknowledge the selected alarm, else the first'],
  ['Shift A', 'Acknowledge all alarms shown that need you'],
  ['Enter', 'Show the selected alarm, else the first; the findings of a cell'],
  ['↑ ↓', 'From alarm to alarm, check to check, message to message'],
  ['N', 'Add a feed'],
  ['E', 'Export CSV'],
  ['1 … 6', 'Span of the charts: 1 min to 24 h; of integrity (1 … 4): 1 h to 7 days'],
  ['← →', 'Back and forth in time, on the strip below the charts; from cell to cell of integrity'],
  ['D', 'Drill of the selected feed'],
  ['Delete', 'Remove the selected feed'],
  [',', 'Settings'],
  ['?', 'This list'],
  ['Esc', 'Close a dialog; all feeds']
];

export type KeyAction =
  | 'pause'
  | 'live'
  | 'acknowledge'
  | 'acknowledge_all'
  | 'show'
  | 'add'
  | 'drill'
  | 'export'
  | 'settings'
  | 'keys'
  | 'all_feeds'
  | 'charts'
  | 'integrity'
  | 'profile'
  | { span: number };

const TYPING = 'input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]';
/** Where Space and Enter already mean something. */
const PRESSED = 'button, a, summary, input, [role=menuitem]';

/** What a key means, `null` where it is not for the window. */
export function keyAction(event: KeyboardEvent): KeyAction | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest(TYPING) || target?.closest('[role=menu]') || document.querySelector('dialog[open]'))
    return null;
  if ((event.key === ' ' || event.key === 'Enter') && target?.closest(PRESSED)) return null;
  if (event.repeat) return null;
  switch (event.key) {
    case ' ':
      return 'pause';
    case 'c':
    case 'C':
      return 'charts';
    case 'i':
    case 'I':
      return 'integrity';
    case 'p':
    case 'P':
      return 'profile';
    case 'l':
    case 'L':
      return 'live';
    case 'a':
      return 'acknowledge';
    case 'A':
      return event.shiftKey ? 'acknowledge_all' : 'acknowledge';
    case 'Enter':
      return 'show';
    case 'n':
    case 'N':
      return 'add';
    case 'd':
    case 'D':
      return 'drill';
    case 'e':
    case 'E':
      return 'export';
    case ',':
      return 'settings';
    case '?':
      return 'keys';
    case 'Escape':
      return 'all_feeds';
    default:
      return /^[1-6]$/.test(event.key) ? { span: Number(event.key) - 1 } : null;
  }
}
