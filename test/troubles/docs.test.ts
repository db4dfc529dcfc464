import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../src/troubles/catalogue.js';
import { page } from './page.js';

/** To write the pages anew after a change of the catalogue: vitest run test/troubles/docs.test.ts --update */
describe('the pages of errors', () => {
  it.each([
    ['en', '../../docs/errors.md'],
    ['fr', '../../docs/fr/errors.md'],
  ] as const)('are what the catalogue says: %s', async (language, path) => {
    await expect(page(language)).toMatchFileSnapshot(path);
    expect(page(language).match(/^### /gm)).toHaveLength(CATALOGUE.length);
  });
});
