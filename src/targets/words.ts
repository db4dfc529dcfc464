import { speaker, type Vocabulary } from '../words.js';

/** What the targets themselves say to people. */
export const WORDS = {
  'host.setUp': { en: 'set up the Debian 13 server {user}@{host}:{port}', fr: 'installer le serveur Debian 13 {user}@{host}:{port}' },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
