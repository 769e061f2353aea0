import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

/** Scoped styles go to the style sheet: the page's CSP allows no inline style. */
export default {
  preprocess: vitePreprocess(),
  compilerOptions: { css: 'external', runes: true }
};
