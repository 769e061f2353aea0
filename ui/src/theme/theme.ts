/**
 * The colours. `tokens.json` is the one place with colours, shared with the plotters in Rust; here they become CSS custom
 * properties, and values for the canvases. Grey is normal; colour means abnormal and always comes with a shape and a word.
 */
import tokens from './tokens.json';

export type ThemeName = 'dark' | 'light';
export type Tokens = (typeof tokens)['dark'];
export type ThemeChoice = 'system' | ThemeName;

export function tokensOf(name: ThemeName): Tokens {
  return tokens[name];
}

export function writeTokens(root: HTMLElement, name: ThemeName): void {
  root.dataset['theme'] = name;
  for (const [token, value] of Object.entries(tokens[name])) root.style.setProperty(`--${token}`, value);
  root.style.setProperty('color-scheme', name);
}

/** What the choice comes to now. */
export function resolveTheme(choice: ThemeChoice): ThemeName {
  if (choice !== 'system') return choice;
  return window.matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
}

/** The colour of a level, by number or name. */
export function levelToken(level: number | string): keyof Tokens {
  if (level === 3 || level === 'critical') return 'crit';
  if (level === 2 || level === 'warning') return 'warn';
  return level === 1 || level === 'info' ? 'info' : 'ok';
}
