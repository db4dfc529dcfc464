import { createHash } from 'node:crypto';
import { Secret } from '../../src/secret.js';
import type { ManagedFile } from '../../src/server/files.js';
import { productionImages } from '../../src/stack/images.js';
import { renderStack } from '../../src/stack/render.js';

export const DOMAIN = 'copro.example.be';
export const SERVICES = ['traefik', 'postgres', 'backend', 'frontend'] as const;
export const FOLDERS = [
  'folder 999:999 700 /srv/koprogo/postgres/data',
  'folder 1000:1000 700 /srv/koprogo/documents/uploads',
  'folder 1000:1000 700 /srv/koprogo/documents/backend-logs',
  'folder 65532:65532 700 /srv/koprogo/documents/letsencrypt',
  'folder 0:0 700 /srv/koprogo/documents/secrets',
  'folder 0:0 755 /srv/koprogo/documents/stack',
  'folder 0:0 755 /srv/koprogo/documents/stack/traefik',
].join('\n');

const rendered = renderStack({ domain: DOMAIN, www: false, tls: 'none', images: productionImages(), imagesLabel: 'registry', memoryMiB: 3900, cpus: 2 });
const FOLDER = '/srv/koprogo/documents/stack';
export const FILES: ManagedFile[] = [
  { path: `${FOLDER}/docker-compose.yml`, content: rendered.compose, mode: '0644' },
  { path: `${FOLDER}/traefik/traefik.yml`, content: rendered.traefik, mode: '0644' },
  { path: `${FOLDER}/traefik/dynamic.yml`, content: rendered.dynamic, mode: '0644' },
];

/** What `readFiles` prints when these are on the server. */
export function listed(files: readonly ManagedFile[]): string {
  return files
    .map(({ path, content, mode, owner = '0:0' }) => {
      const text = content instanceof Secret ? content.reveal() : content;
      return `${createHash('sha256').update(text).digest('hex')} ${mode} ${owner === '0:0' ? 'root:root' : 'a:b'} ${owner} ${path}`;
    })
    .join('\n');
}

export const imageId = (service: string) => `sha256:${createHash('sha256').update(service).digest('hex')}`;

/** What the probe prints for a healthy stack. */
export const PROBE = [
  'memory 3900',
  'cpus 2',
  'mounted /srv/koprogo/postgres',
  'mounted /srv/koprogo/documents',
  FOLDERS,
  ...SERVICES.map((service) => `hash ${service} h-${service}`),
  ...SERVICES.map((service) => `image ${productionImages()[service]} ${imageId(service)}`),
  'route api 200',
  'route site 200',
  'admin safe',
].join('\n');

export const container = (service: string, change: object = {}) =>
  `container ${JSON.stringify({
    service,
    hash: `h-${service}`,
    imagesLabel: 'registry',
    image: productionImages()[service as 'traefik'],
    imageId: imageId(service),
    state: 'running',
    health: service === 'traefik' ? 'none' : 'healthy',
    startedAt: '2026-11-22T23:00:00.5Z',
    restarts: 0,
    exitCode: 0,
    ...change,
  })}`;

export const CONTAINERS = SERVICES.map((service) => container(service)).join('\n');
