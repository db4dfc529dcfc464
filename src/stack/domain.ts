import { domainToASCII, domainToUnicode } from 'node:url';
import { z } from 'zod';
import { say } from './words.js';

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
    if (problem === undefined) return;
    const meant = meantBy(text);
    context.addIssue({ code: 'custom', message: meant === undefined ? problem : say('domain.meant', { problem, meant }) });
  });

/** The domain in what was copied from a browser, or typed as it is spoken; undefined where there is none. */
function meantBy(text: string): string | undefined {
  const bare = text.trim().replace(/^[a-z][a-z0-9+.-]*:\/\//, '').replace(/[/?#][^]*$/, '').replace(/:\d*$/, '').replace(/\.$/, '');
  const meant = domainToASCII(bare);
  return meant !== '' && problemOf(meant) === undefined ? meant : undefined;
}

function problemOf(text: string): string | undefined {
  if (text.length > LONGEST) return say('domain.long', { LONGEST });
  if (/[^\p{ASCII}]/u.test(text)) return say('domain.ascii');
  const labels = text.split('.');
  if (labels.length < 2 || !labels.every((label) => LABEL.test(label))) {
    return say('domain.name');
  }
  if (!/[a-z]/.test(labels.at(-1) ?? '')) return say('domain.address');
  for (const label of labels) {
    const isPunycode = label.startsWith('xn--');
    if (label.slice(2, 4) === '--' && !isPunycode) return say('domain.label', { label });
    if (isPunycode && domainToUnicode(label) === '') return say('domain.punycode', { label });
  }
  return undefined;
}
