import { domainToUnicode } from 'node:url';
import { z } from 'zod';

const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
/** DNS allows 253 characters; the API answers at "api." in front of the domain. */
const LONGEST = 253 - 'api.'.length;

/**
 * A domain that the site answers at, in lower case: at least two labels of letters, digits and hyphens.
 * It ends up in Traefik's rules, in certificates and in URLs, so nothing else gets through: no scheme, path, port,
 * trailing dot or address, and internationalised names only in their ASCII form (xn--…).
 */
export const domainName = z
  .string()
  .transform((text) => text.toLowerCase())
  .superRefine((text, context) => {
    const problem = problemOf(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

function problemOf(text: string): string | undefined {
  if (text.length > LONGEST) return `must have at most ${LONGEST} characters`;
  if (/[^\p{ASCII}]/u.test(text)) return 'must be in ASCII: write an internationalised name in its xn-- form';
  const labels = text.split('.');
  if (labels.length < 2 || !labels.every((label) => LABEL.test(label))) {
    return 'must be a domain name such as copro.example.be: letters, digits and hyphens, without scheme, path, port or trailing dot';
  }
  if (!/[a-z]/.test(labels.at(-1) ?? '')) return 'must be a domain name, not an address';
  for (const label of labels) {
    const isPunycode = label.startsWith('xn--');
    if (label.slice(2, 4) === '--' && !isPunycode) return `has a label that no registry gives out: ${label}`;
    if (isPunycode && domainToUnicode(label) === '') return `has a label that is not valid punycode: ${label}`;
  }
  return undefined;
}
