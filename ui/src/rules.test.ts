/** Rules of this folder that a reader of the sources can check. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

import { describe, expect, it } from 'vitest';

const ROOT = import.meta.dirname;

function sources(folder = ROOT): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.(ts|svelte|css)$/.test(entry.name) ? [path] : [];
  });
}

const files = sources()
  .map((path) => ({ path: relative(ROOT, path).replaceAll('\\', '/'), text: readFileSync(path, 'utf8') }))
  .filter(({ path }) => !path.startsWith('bindings/') && !path.endsWith('.test.ts'));

function breakers(pattern: RegExp, allowed: (path: string) => boolean = () => false): string[] {
  return files
    .filter(({ path }) => !allowed(path))
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : []))
    );
}

describe('sources', () => {
  it('are_found', () => {
    expect(files.length).toBeGreaterThan(30);
    expect(breakers(/from '@tauri-apps/)).toEqual([expect.stringMatching(/^backend\/tauri\.ts/)]);
  });

  it('only_the_backend_knows_Tauri', () => {
    expect(
      breakers(/(from|import)\s*\(?\s*['"]@tauri-apps|__TAURI/, (path) => path.startsWith('backend/'))
    ).toEqual([]);
  });

  it('only_the_tokens_have_colours', () => {
    const literal =
      /#[0-9a-f]{3}\b|#[0-9a-f]{4}\b|#[0-9a-f]{6}\b|#[0-9a-f]{8}\b|\b(rgba?|hsla?|oklch|oklab|lab|lch|hwb)\(/i;
    expect(breakers(literal)).toEqual([]);
    const named =
      /(color|background|border[a-z-]*|outline|fill|stroke|fillStyle|strokeStyle)\s*[:=][^;]*\b(white|black|red|green|blue|gray|grey|yellow|orange|silver|navy)\b/i;
    expect(breakers(named)).toEqual([]);
  });

  it('never_write_markup_from_data', () => {
    expect(
      breakers(
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\{@html|DOMParser|\beval\(|new Function/
      )
    ).toEqual([]);
  });

  it('have_no_inline_style_that_a_strict_CSP_forbids', () => {
    expect(
      breakers(/\sstyle="|\sstyle=\{|setAttribute\('style'|<style[^>]*nonce/, (path) => path.endsWith('.css'))
    ).toEqual([]);
  });

  it('do_not_read_the_clipboard', () => {
    expect(breakers(/clipboard/i)).toEqual([]);
  });
});
