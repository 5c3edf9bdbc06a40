// Builds the console to `dist`, which the program embeds; in development it hands the API to a
// server that is already running (EVERPOST_API, by default the mock of the tests).
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [svelte()],
  server: {
    proxy: {
      '/api': { target: process.env.EVERPOST_API ?? 'http://127.0.0.1:8470', secure: false },
    },
  },
  build: {
    target: 'es2022',
    // Nothing inline: the page runs under a Content-Security-Policy of 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
