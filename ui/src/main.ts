import './locale';

import { mount } from 'svelte';
import 'uplot/dist/uPlot.min.css';

import App from './App.svelte';
import './app.css';
import { openBackend } from './backend';
import { ConsoleState } from './console.svelte';
import { watchErrors } from './errors';
import { Settings } from './settings/settings.svelte';
import { resolveTheme, writeTokens } from './theme/theme';

const settings = new Settings();
writeTokens(document.documentElement, resolveTheme(settings.theme));

const backend = await openBackend(location.search);
const page = new ConsoleState(backend, settings);
watchErrors(window, page);

const target = document.getElementById('app');
if (target !== null) mount(App, { target, props: { page } });
