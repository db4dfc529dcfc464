// Compiles the command line program with tsc and bundles the server's agent into one file with esbuild.
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
rmSync('dist', { recursive: true, force: true });
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' });

if (existsSync('src/agent/main.ts')) {
  await build({
    entryPoints: ['src/agent/main.ts'],
    outfile: 'dist/agent.mjs',
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    minifySyntax: true,
    legalComments: 'none',
    // CommonJS dependencies inside an ES module bundle still call require().
    banner: { js: "import { createRequire as koprogoRequire } from 'node:module'; const require = koprogoRequire(import.meta.url);" },
    logLevel: 'warning',
  });
}
