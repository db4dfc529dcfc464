import type { Text } from '../words.js';

/** Whose words are recognised. At most one trouble of each area is shown for one failure. */
export const AREAS = ['openstack', 'acme', 's3', 'docker', 'cloud-init', 'apt', 'ssh', 'dns', 'terraform'] as const;
export type Area = (typeof AREAS)[number];

/**
 * One line of the catalogue: words that a program prints, why it prints them, and what helps.
 *
 * The pattern is matched against text on one line, with one blank between words (see `flatten`), because Terraform breaks
 * its lines anywhere. Every quantifier in it has an upper bound, so that the time to look is in proportion to the text.
 * A named group fills the {name} of the same name in cause and fix; it must take part in every match.
 */
export interface Entry {
  /** "area.name"; also the name of the file with a real message in the tests. */
  id: string;
  pattern: RegExp;
  cause: Text;
  fix: Text;
  /** True only of what many failures print besides their own words: shown when nothing more exact is known. */
  general?: true;
}

/** A recognised failure, said in the language of this process. */
export interface Trouble {
  id: string;
  area: Area;
  cause: string;
  fix: string;
}
