import { afterEach, describe, expect, it } from 'vitest';
import { recordingProgress } from '../server/recording-progress.js';
import { domainName } from '../../src/stack/domain.js';
import { stackLogs } from '../../src/stack/operate.js';
import { renderStack } from '../../src/stack/render.js';
import { siteStep } from '../../src/stack/site-step.js';
import { speak } from '../../src/words.js';

afterEach(() => {
  speak('en');
});

describe('the stack in French', () => {
  it('tells what is wrong with a domain', () => {
    speak('fr');
    expect(domainName.safeParse('127.0.0.1').error?.issues[0]?.message).toBe('doit être un nom de domaine, pas une adresse');
  });

  it('tells every input that is wrong', () => {
    speak('fr');
    const images = { traefik: 'traefik', postgres: 'p:16', backend: 'b:1 x', frontend: 'f:1' };
    const inputs = { domain: 'copro.example.be', www: false, tls: 'letsencrypt', email: 'nobody', images, imagesLabel: 'a"b', memoryMiB: 4096, cpus: 2 } as const;
    expect(() => renderStack(inputs)).toThrow(
      'ne peuvent pas être produits :\nemail : adresse e-mail non valable\nimages.traefik : n’a ni étiquette (tag) ni empreinte (digest)\nimages.backend : n’est pas une référence d’image',
    );
    expect(() => renderStack(inputs)).toThrow('imagesLabel : doit être une courte ligne de texte');
  });

  it('tells that there is no such service', async () => {
    speak('fr');
    await expect(stackLogs({ run: () => Promise.reject(new Error('not asked')) }, 'nginx')).rejects.toThrow('le service « nginx » n’existe pas');
  });

  it('tells what does not answer', async () => {
    speak('fr');
    // Port 1 of loopback: nothing listens there.
    const step = siteStep({ machine: () => Promise.resolve({ web: { host: '127.0.0.1', http: 1, https: 1 } }), domain: 'copro.example.be', tls: 'none', progress: recordingProgress() });
    const check = await step.check();
    expect(check).toMatchObject({ state: 'needed' });
    expect(JSON.stringify(check)).toContain('attendre que tout réponde : site : ');
    expect(JSON.stringify(check)).toContain(' ; base de données : ');
  });
});
