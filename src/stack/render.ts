import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AUTHORITIES, type Authority } from '../certificates/document.js';
import { InputError } from '../errors.js';
import { fillTemplate, readTemplate } from '../server/templates.js';
import { domainName } from './domain.js';
import type { StackImages } from './images.js';
import { say } from './words.js';

export type Tls = 'none' | 'letsencrypt';

export interface StackInputs {
  domain: string;
  /** Whether www. in front of the domain redirects to it. */
  www: boolean;
  tls: Tls;
  /** For Let's Encrypt, which writes to it when a certificate is about to end. */
  email?: string;
  /** Whom to ask for certificates. Without it the staging authority, where nothing can be lost. */
  authority?: Authority;
  images: StackImages;
  /** What the images are: "registry", or the name of a set of stand-ins. */
  imagesLabel: string;
  /** Of the server. */
  memoryMiB: number;
  cpus: number;
}

/** The texts of the stack's files, none of them secret. */
export interface RenderedStack {
  compose: string;
  traefik: string;
  dynamic: string;
}

/** A reference with a tag or digest: a name alone means "latest", which is another image every month. */
const imageReference = z
  .string()
  .max(255, { error: () => say('render.long') })
  .regex(/^[a-z0-9][a-z0-9._/-]*(?::[0-9]+\/[a-z0-9._/-]+)?(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/, { error: () => say('render.image') })
  .refine((text) => /[:@]/.test(text.slice(text.lastIndexOf('/') + 1)), { error: () => say('render.tag') });

const inputsSchema = z.object({
  domain: domainName,
  www: z.boolean(),
  tls: z.enum(['none', 'letsencrypt']),
  email: z.email({ error: () => say('render.notEmail') }).optional(),
  authority: z.enum(['staging', 'production']).default('staging'),
  images: z.object({ traefik: imageReference, postgres: imageReference, backend: imageReference, frontend: imageReference }),
  imagesLabel: z.string().regex(/^[\p{L}\p{N} ,.;:()/'+_-]{1,120}$/u, { error: () => say('render.line') }),
  memoryMiB: z.number().positive(),
  cpus: z.number().int().positive(),
});

/** Renders the stack. The same inputs give the same bytes. Throws InputError that lists every input that is wrong. */
export function renderStack(inputs: StackInputs): RenderedStack {
  const parsed = inputsSchema.safeParse(inputs);
  if (!parsed.success) {
    throw new InputError(say('render.wrong', { issues: parsed.error.issues.map((issue) => say('render.issue', { path: issue.path.join('.'), message: issue.message })).join('\n') }));
  }
  const { domain, www, tls, email, authority, images, imagesLabel, memoryMiB, cpus } = parsed.data;
  if (tls === 'letsencrypt' && email === undefined) {
    throw new InputError(say('render.email'), { hints: ['koprogo-infra setup --email you@example.com'] });
  }
  const apiDomain = `api.${domain}`;
  const scheme = tls === 'none' ? 'http' : 'https';
  const traefik = tls === 'none' ? readTemplate('compose/traefik-http.yml') : fillTemplate(readTemplate('compose/traefik-https.yml'), { email: yamlText(email ?? ''), ...AUTHORITIES[authority] });
  // The template ends with the routers, so that another can follow.
  const dynamic = [
    fillTemplate(readTemplate('compose/traefik-dynamic.yml'), { apiDomain, siteDomain: domain }),
    www ? fillTemplate(readTemplate('compose/traefik-www.yml'), { wwwDomain: `www.${domain}` }) : '',
  ].join('');
  const memory = memoryPlan(memoryMiB);
  const compose = fillTemplate(readTemplate('compose/docker-compose.yml'), {
    traefikImage: images.traefik,
    postgresImage: images.postgres,
    backendImage: images.backend,
    frontendImage: images.frontend,
    imagesLabel: composeText(imagesLabel),
    traefikConfiguration: composeText(createHash('sha256').update(traefik).digest('hex').slice(0, 16)),
    ports: tls === 'none' ? '["80:80"]' : '["80:80", "443:443"]',
    siteUrl: composeText(`${scheme}://${domain}`),
    apiUrl: composeText(`${scheme}://${apiDomain}/api/v1`),
    httpCheck: composeText(HTTP_CHECK),
    postgresMemory: `${memory.postgres}m`,
    backendMemory: `${memory.backend}m`,
    cpus: String(cpus),
    smallCpus: String(Math.min(cpus, 1)),
  });
  return { compose, traefik, dynamic };
}

/** What each of the two large services may use, in MiB; 512 stay for the system and the backup agent, 256 for the small ones. */
export function memoryPlan(totalMiB: number): { postgres: number; backend: number } {
  // In steps of 256 MiB: another kernel counts a few megabytes more or less, and must not change the files.
  const rounded = Math.ceil(totalMiB / 256) * 256;
  const available = Math.max(rounded - 768, 768);
  return { postgres: Math.round(available * 0.6), backend: Math.round(available * 0.4) };
}

/** A text in YAML's double quotes, which take JSON's escapes. */
function yamlText(text: string): string {
  return JSON.stringify(text);
}

/** The same for Compose, which replaces $NAME in every text. */
function composeText(text: string): string {
  return yamlText(text).replaceAll('$', '$$$$');
}

/** Exits 0 when 127.0.0.1:$1 answers 200 to $2, with whatever of curl, wget and bash the image has. */
const HTTP_CHECK = [
  'url="http://127.0.0.1:$1$2"',
  'if command -v curl >/dev/null; then exec curl -fsS -m 10 -o /dev/null "$url"; fi',
  'if command -v wget >/dev/null; then exec wget -q -T 10 -O /dev/null "$url"; fi',
  `exec bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET %s HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n" "$2" >&3 && read -r -t 10 line <&3 && [[ $line == *" 200 "* ]]' check "$1" "$2"`,
].join('; ');
