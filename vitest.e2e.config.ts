import { defineConfig } from 'vitest/config';

/** The sandbox, whole: one scenario whose parts build on one another, on one virtual machine. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: ['test/prerequisites.ts'],
    fileParallelism: false,
    bail: 1,
    testTimeout: 25 * 60_000,
    hookTimeout: 10 * 60_000,
    reporters: ['verbose'],
  },
});
