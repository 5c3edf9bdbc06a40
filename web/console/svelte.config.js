// TypeScript inside of components needs no other preprocessor than Svelte's own.
export default { compilerOptions: { runes: true } };
