// Compiles the command line program with tsc and bundles the server's agent into one file with esbuild. Whoever breaks
// it off is left with the last build that was whole.
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
// The first npx in a checkout installs the checkout into a cache of npm's, and prepares it once more for that. It need not wait.
if (process.env.npm_command === 'exec' && existsSync('dist/main.js') && existsSync('dist/agent.mjs')) process.exit(0);
const NEW = 'dist.new';
const OLD = 'dist.old';
const remove = (path) => rmSync(path, { recursive: true, force: true });

remove(NEW);
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', NEW], { stdio: 'inherit' });
await build({
  entryPoints: ['src/agent/main.ts'],
  outfile: join(NEW, 'agent.mjs'),
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
remove(OLD);
if (existsSync('dist')) renameSync('dist', OLD);
renameSync(NEW, 'dist');
remove(OLD);
