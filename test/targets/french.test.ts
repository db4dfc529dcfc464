import { afterEach, describe, expect, it } from 'vitest';
import { checkBuild } from '../../src/targets/sandbox/build.js';
import { packagesStep } from '../../src/targets/sandbox/packages.js';
import { recordingProgress } from '../server/recording-progress.js';
import { speak } from '../../src/words.js';

afterEach(() => {
  speak('en');
});

describe('the sandbox in French', () => {
  it('tells what it builds and who may', () => {
    speak('fr');
    const check = checkBuild('/nowhere', { name: 'x', recipe: {} }, 'l’image du serveur');
    expect(JSON.stringify(check)).toMatch(/construire l’image du serveur/);
  });

  it('has titles', () => {
    speak('fr');
    const host = { run: () => Promise.reject(new Error('not asked')) };
    expect(packagesStep({ host, progress: recordingProgress() }).title).toBe('Programmes du bac à sable');
  });
});
