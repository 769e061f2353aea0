/** What is pinned, in a few words. */
import type { PinsRow } from '../bindings/PinsRow';
import { plural } from '../charts/format';

/** `2 keys, 1 time`; `nothing` where all is found out. */
export function pinsWords({ kinds, times, keys, sequence, series, ignore }: PinsRow): string {
  const counted = (list: readonly unknown[] | null, one: string, many: string): string[] =>
    list === null ? [] : [list.length === 0 ? `no ${many}` : plural(list.length, one, many)];
  const some = (list: readonly unknown[]): readonly unknown[] | null => (list.length === 0 ? null : list);
  const told = [
    ...(kinds === null ? [] : [kinds.length === 0 ? 'one kind of message' : 'its kinds of message']),
    ...counted(times, 'time', 'times'),
    ...counted(keys, 'key', 'keys'),
    ...counted(sequence, 'sequence rule', 'sequence rules'),
    ...counted(some(series), 'path that is charted', 'paths that are charted'),
    ...counted(some(ignore), 'path that is not charted', 'paths that are not charted')
  ];
  return told.length === 0 ? 'nothing' : told.join(', ');
}
