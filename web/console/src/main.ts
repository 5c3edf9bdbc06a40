// Entry of the console.
import { mount } from 'svelte';
import App from './App.svelte';
import { start } from './lib/router.svelte';
import { applyTheme } from './lib/settings.svelte';
import './styles/base.css';

applyTheme();
start();
const target = document.querySelector('#app');
if (target) mount(App, { target });
