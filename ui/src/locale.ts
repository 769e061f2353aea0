/**
 * Imported first of all. With LANG=C.UTF-8 WebKitGTK says `navigator.language === "C"`, which is no language tag:
 * `Intl` throws a RangeError, and uPlot asks it while it is being imported, so that nothing would be drawn at all.
 */
export function isLanguageTag(tag: unknown): boolean {
  if (typeof tag !== 'string' || tag === '') return false;
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}

/** Gives `target` a usable `language` where it has none; says whether it had to. */
export function repairLanguage(target: Navigator): boolean {
  if (isLanguageTag(target.language)) return false;
  Object.defineProperty(target, 'language', { value: 'en-US', configurable: true });
  Object.defineProperty(target, 'languages', { value: ['en-US'], configurable: true });
  return true;
}

repairLanguage(navigator);
