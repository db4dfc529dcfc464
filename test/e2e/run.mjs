// npm run e2e [-- --full]: builds, then runs the scenario on a real virtual machine.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const full = process.argv.includes('--full');
const unknown = process.argv.slice(2).filter((argument) => argument !== '--full');
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(' ')}\nusage: npm run e2e [-- --full]`);
  process.exit(2);
}
const root = fileURLToPath(new URL('../..', import.meta.url));
const run = (...command) => {
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit', env: { ...process.env, E2E_FULL: full ? '1' : '' } });
  if (status !== 0) process.exit(status ?? 1);
};
run('scripts/build.mjs');
run('node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.e2e.config.ts');
