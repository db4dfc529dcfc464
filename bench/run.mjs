// Bundles bench/bench.ts (and the fixtures that it shares with the tests) and runs it. `npm run bench -- --quick` for smaller data.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
// Inside the checkout, so that the bundle finds node_modules.
const directory = mkdtempSync(join(root, 'node_modules', '.bench-'));
// One level down: the program looks for its package.json beside its folder.
const outfile = join(directory, 'program', 'bench.mjs');
copyFileSync(join(root, 'package.json'), join(directory, 'package.json'));
await build({
  entryPoints: [join(root, 'bench', 'bench.ts')],
  outfile,
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  logLevel: 'warning',
});
try {
  const { main } = await import(outfile);
  process.exitCode = await main(process.argv.slice(2), root);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
