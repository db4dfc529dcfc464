import { z } from 'zod';
import { type Command, script } from '../edges/command.js';
import { readTemplate } from '../server/templates.js';
import { domainName } from '../stack/domain.js';

/** Whom Traefik asks for certificates. Nobody trusts those of the staging authority; its limits are wide, and failures there cost nothing. */
export const AUTHORITIES = {
  staging: { directory: 'https://acme-staging-v02.api.letsencrypt.org/directory', storage: '/letsencrypt/acme-staging.json' },
  production: { directory: 'https://acme-v02.api.letsencrypt.org/directory', storage: '/letsencrypt/acme.json' },
} as const;
export type Authority = keyof typeof AUTHORITIES;

export const CERTIFICATES_DOCUMENT = 'certificates';

/** What was rehearsed with the staging authority: a document of the encrypted state. */
export const certificatesSchema = z.object({
  version: z.literal(1),
  rehearsed: z.object({ names: z.array(domainName).min(1).max(10), at: z.iso.datetime() }),
});
export type CertificatesDocument = z.infer<typeof certificatesSchema>;

/**
 * The real authority is asked once a rehearsal for this domain went well, or where the server holds a certificate of the
 * real one for it: an installation that is older than the rehearsal keeps what it has. The domain stands for its other
 * names: www. that is chosen later gets its certificate without a rehearsal, because the whole router would have to go
 * back to certificates that nobody trusts for it.
 */
export function authorityFor(domain: string, document: CertificatesDocument | undefined, serverHoldsOne: boolean): Authority {
  return serverHoldsOne || document?.rehearsed.names.includes(domain) === true ? 'production' : 'staging';
}

/** Prints "certificate DOMAIN" when Traefik's store on the server holds one of the real authority for it; only reads. */
export function findHeldCertificate(domain: string): Pick<Command, 'argv' | 'root'> {
  return { ...script(readTemplate('compose/held-certificate.sh'), domain), root: true };
}

/** Reads the output of `findHeldCertificate`, whatever else is in it. */
export function holdsCertificate(stdout: string, domain: string): boolean {
  return stdout.split('\n').includes(`certificate ${domain}`);
}
