import type { Language } from '../../src/words.js';
import { CATALOGUE } from '../../src/troubles/catalogue.js';
import { type Area, AREAS } from '../../src/troubles/trouble.js';

const TITLES: Readonly<Record<Area, string>> = {
  openstack: 'OpenStack (OVH Public Cloud)',
  acme: 'Let’s Encrypt',
  s3: 'S3',
  docker: 'Docker',
  'cloud-init': 'cloud-init',
  apt: 'apt',
  ssh: 'SSH',
  dns: 'DNS',
  terraform: 'Terraform',
};

const WORDS = {
  en: {
    head: `# Errors, their causes, and what helps

When a program that koprogo-infra runs fails, its words are looked up in the list below. You then read what failed, a few of
the last lines that the program printed, the cause, and what helps. \`--verbose\` (or \`KOPROGO_VERBOSE=1\`) with the same
command shows all that was printed, and where in koprogo-infra it failed. Look through that before you pass it on: it can
hold names, addresses, and whatever the program printed.

This page is made from the catalogue in \`src/troubles/\`; a test compares the two.`,
    cause: 'Cause:',
    fix: 'What helps:',
  },
  fr: {
    head: `# Les erreurs, leurs causes et les remèdes

Quand un programme lancé par koprogo-infra échoue, ses messages sont cherchés dans la liste ci-dessous. Vous lisez alors ce
qui a échoué, les dernières lignes affichées par le programme, la cause et le remède. \`--verbose\` (ou \`KOPROGO_VERBOSE=1\`)
avec la même commande montre tout ce qui a été affiché, et l’endroit de koprogo-infra où cela a échoué. Relisez-le avant de le
transmettre : il peut contenir des noms, des adresses, et tout ce que le programme a affiché.

Cette page est tirée du catalogue de \`src/troubles/\` ; un test compare les deux.`,
    cause: 'Cause :',
    fix: 'Remède :',
  },
} as const;

/** The whole catalogue as a page of Markdown: docs/errors.md and docs/fr/errors.md. {names} stand for what the program named. */
export function page(language: Language): string {
  const { head, cause, fix } = WORDS[language];
  const sections = AREAS.map((area) => {
    const entries = CATALOGUE.filter((entry) => entry.area === area).map((entry) => `### ${entry.id}\n\n${cause} ${plain(entry.cause[language])}\n\n${fix} ${plain(entry.fix[language])}`);
    return [`## ${TITLES[area]}`, ...entries].join('\n\n');
  });
  return `${[head, ...sections].join('\n\n')}\n`;
}

function plain(sentence: string): string {
  return sentence.replace(/\{(\w+)\}/g, '*$1*');
}
