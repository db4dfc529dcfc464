import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Imports point inward: commands -> setup -> targets -> rooms -> edges. Each line says what a room must not know. */
const inward = (files, outer) => ({
  files,
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: outer.map((room) => ({ group: [`**/${room}/**`], message: `imports point inward: this room must not know ${room}/` })) },
    ],
  },
});
const rooms = ['terraform', 'server', 'luks', 'stack', 'certificates', 'backup', 'dns', 'keys', 'state', 'troubles'];

export default defineConfig(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/require-await': 'off' },
  },
  inward(['src/edges/**'], ['commands', 'setup', 'targets', 'ui', 'agent', ...rooms]),
  inward(rooms.map((room) => `src/${room}/**`), ['commands', 'setup', 'targets', 'agent']),
  inward(['src/targets/**'], ['commands', 'setup', 'agent']),
  inward(['src/setup/**'], ['commands', 'agent']),
  inward(['src/agent/**'], ['commands', 'setup', 'targets', 'ui']),
);
