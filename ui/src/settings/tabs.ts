/** The views of the window, one of which is shown. */

export type Tab = 'charts' | 'integrity' | 'profile';

export const TABS: readonly { name: Tab; title: string; key: string }[] = [
  { name: 'charts', title: 'Charts', key: 'C' },
  { name: 'integrity', title: 'Integrity', key: 'I' },
  { name: 'profile', title: 'Profile', key: 'P' }
];
