import { speaker, type Vocabulary } from '../words.js';

/** What the keys' rooms have in common to say. */
export const WORDS = {
  'kdf.salt': { en: 'must be {bytes} bytes in base64', fr: 'doit faire {bytes} octets en base64' },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
