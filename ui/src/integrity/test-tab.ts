/** What the tests of the Integrity tab look for on the page. */
import type { IntegrityRequest } from '../bindings/IntegrityRequest';
import type { IntegrityView } from '../bindings/IntegrityView';
import { all, backend, one, pass, press } from '../test-page';

export const asked = (): IntegrityRequest[] =>
  backend.calls
    .filter((call) => call.startsWith('integrity '))
    .map((call) => JSON.parse(call.slice('integrity '.length)) as IntegrityRequest);

/** The tab of a feed, by its place in the list. */
export async function open(feed = 0): Promise<void> {
  all('feed')[feed]!.click();
  press('i');
  await pass(0);
}

export const row = (check: string): HTMLElement =>
  document.querySelector<HTMLElement>(`[data-check="${check}"]`)!;
export const cells = (check: string): HTMLElement[] => [
  ...row(check).querySelectorAll<HTMLElement>('.cells [data-column]')
];
export const withFindings = (check: string): HTMLElement[] =>
  cells(check).filter((cell) => cell.dataset['count'] !== '0');
export const found = (): string[] => all('found').map((item) => item.dataset['check']!);
export const said = (id: string): string => one(id).textContent.replace(/\s+/g, ' ').trim();

/** Answers as the fake does, but for what is changed. */
export function answer(change: (view: IntegrityView) => Partial<IntegrityView>): void {
  const before = backend.integrity.bind(backend);
  backend.integrity = async (request) => {
    const view = await before(request);
    return { ...view, ...change(view) };
  };
}
