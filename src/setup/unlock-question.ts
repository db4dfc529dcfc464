import type { Text } from '../words.js';
import type { Question } from './question.js';

const AT_OVH: Text = {
  en: "OVH's usual servers have no TPM: there `auto` comes down to `manual`, and `tpm` stops.",
  fr: 'Les serveurs habituels d’OVH n’ont pas de TPM : là, `auto` revient à `manual`, et `tpm` s’arrête.',
};

/** What each way protects from, as the table at the end of docs/luks.md has it. */
const EACH: Text = {
  en: [
    'However they open, a stolen disk or a copy of one shows nothing. After a reboot:',
    'With a TPM they open by themselves, on this machine only. A provider who copies the machine with its virtual TPM, or whoever changes the system disk while the server is off, gets in.',
    'Manually, nothing runs until you type `koprogo-infra luks unlock`. No copy opens; whoever changed the system disk can catch the passphrase at that moment.',
    'Nothing here protects from whoever controls the machine while it runs: root, or a provider who reads its memory.',
  ].join('\n'),
  fr: [
    'Quel que soit le choix, un disque volé ou copié ne montre rien. Après un redémarrage :',
    'Avec un TPM, ils s’ouvrent d’eux-mêmes, sur cette machine seulement. Un hébergeur qui copie la machine avec son TPM virtuel, ou quiconque modifie le disque système pendant que le serveur est éteint, y entre.',
    'À la main, rien ne tourne tant que vous n’avez pas tapé `koprogo-infra luks unlock`. Aucune copie ne s’ouvre ; quiconque a modifié le disque système peut capter la phrase de passe à ce moment-là.',
    'Rien ici ne protège de qui commande la machine pendant qu’elle tourne : root, ou un hébergeur qui lit sa mémoire.',
  ].join('\n'),
};

export const UNLOCK_QUESTION: Question = {
  key: 'unlock',
  flag: '--unlock <method>',
  variable: 'KOPROGO_UNLOCK',
  ask: { en: 'How shall the encrypted volumes open after a reboot?', fr: 'Comment ouvrir les volumes chiffrés après un redémarrage ?' },
  explain: ({ target }) => (target === 'ovh' ? { en: `${AT_OVH.en}\n${EACH.en}`, fr: `${AT_OVH.fr}\n${EACH.fr}` } : EACH),
  choices: [
    { value: 'auto', name: { en: 'auto: by the TPM where there is one, manually otherwise', fr: 'auto : par le TPM s’il y en a un, sinon à la main' } },
    { value: 'tpm', name: { en: 'tpm: by the TPM, or stop when there is none', fr: 'tpm : par le TPM, ou arrêt s’il n’y en a pas' } },
    { value: 'manual', name: { en: 'manual: only by you', fr: 'manual : par vous seulement' } },
  ],
  fallback: ({ target }) => (target === 'ovh' ? 'manual' : 'auto'),
};
