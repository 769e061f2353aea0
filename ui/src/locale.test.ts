import { expect, it } from 'vitest';

import { isLanguageTag, repairLanguage } from './locale';

it('C_is_no_language', () => {
  expect(['C', '', undefined, 'C.UTF-8'].map(isLanguageTag)).toEqual([false, false, false, false]);
  expect(isLanguageTag('de-AT')).toBe(true);
});

it('a_webview_under_LANG_C_gets_a_language_that_Intl_takes', () => {
  const broken = { language: 'C', languages: ['C'] } as unknown as Navigator;
  expect(() => new Intl.NumberFormat(broken.language)).toThrow(RangeError);
  expect(repairLanguage(broken)).toBe(true);
  expect(() => new Intl.NumberFormat(broken.language)).not.toThrow();
  expect(repairLanguage(broken)).toBe(false);
});
