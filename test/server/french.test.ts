import { afterEach, describe, expect, it } from 'vitest';
import { fillTemplate } from '../../src/server/templates.js';
import { userData } from '../../src/server/cloud-init.js';
import { installPackages } from '../../src/server/apt.js';
import { serverReadyStep } from '../../src/server/ready.js';
import { Secret } from '../../src/secret.js';
import { speak } from '../../src/words.js';
import { recordingProgress } from './recording-progress.js';

afterEach(() => {
  speak('en');
});

describe('the server in French', () => {
  it('has titles, purposes and errors', () => {
    speak('fr');
    const progress = recordingProgress();
    expect(serverReadyStep({ server: () => Promise.reject(new Error('not asked')), progress }).title).toBe('Serveur apte à l’emploi');
    expect(installPackages(['curl', 'jq'], progress).purpose).toBe('installer les paquets manquants (2)');
    expect(() => fillTemplate('{{a}}', {})).toThrow('le modèle demande « a », qui n’a pas de valeur');
    const hostKey = { publicKey: 'x', privateKey: new Secret('x') };
    expect(() => userData({ hostname: 'Été', user: 'debian', publicKey: '', hostKey })).toThrow('ce n’est pas un nom d’hôte : « Été »');
  });
});
