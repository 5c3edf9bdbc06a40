// TypeScript of the pages for tests that run in Node.
import { runnerImport } from 'vite';

/** The module at a path below `src`. */
export async function load(path) {
  const { module } = await runnerImport(new URL(`../../src/${path}`, import.meta.url).pathname, {
    configFile: false,
    logLevel: 'error',
  });
  return module;
}
