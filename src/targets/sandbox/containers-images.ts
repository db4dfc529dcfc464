import type { StackImages } from '../../stack/images.js';
import type { ImageDefaults } from './docker-archive.js';

/** The names of the stand-ins; the version of PostgreSQL is real, so its tag says it. */
export const STANDIN_IMAGES: StackImages = {
  traefik: 'koprogo-standin/traefik:1',
  postgres: 'koprogo-standin/postgres:15',
  backend: 'koprogo-standin/backend:1',
  frontend: 'koprogo-standin/frontend:1',
};

const PATH = '/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const NGINX = ['nginx', '-e', 'stderr', '-c'];

/** How each stand-in is started; users, paths, ports and signals are those of the images that they stand in for. */
export function standinDefaults(): ImageDefaults[] {
  return [
    {
      ...common(STANDIN_IMAGES.traefik, 'nginx, which routes the hosts of Traefik\'s file provider, over HTTP only'),
      user: '65532:65532',
      entrypoint: ['/usr/bin/standin-traefik'],
      ports: ['80/tcp'],
    },
    {
      ...common(STANDIN_IMAGES.postgres, 'PostgreSQL 15 as Debian 12 packages it'),
      user: '999:999',
      env: { PATH, LANG: 'C.UTF-8', PGDATA: '/var/lib/postgresql/data' },
      entrypoint: ['/usr/bin/standin-postgres'],
      ports: ['5432/tcp'],
      // To PostgreSQL, SIGTERM means: wait until every client has left.
      stopSignal: 'SIGINT',
    },
    {
      ...common(STANDIN_IMAGES.backend, "answers the health paths of KoproGo's backend, and nothing else"),
      user: '1000:1000',
      entrypoint: ['/app/koprogo-api'],
      workingDirectory: '/app',
      ports: ['8080/tcp'],
    },
    {
      ...common(STANDIN_IMAGES.frontend, 'a page that says that it is a stand-in'),
      user: '10001:10001',
      entrypoint: [...NGINX, '/etc/nginx/standin-frontend.conf'],
      ports: ['80/tcp'],
    },
  ];
}

function common(tag: string, description: string): Pick<ImageDefaults, 'tag' | 'env' | 'workingDirectory' | 'labels'> {
  return {
    tag,
    env: { PATH, LANG: 'C.UTF-8' },
    workingDirectory: '/',
    labels: { 'be.koprogo.standin': 'true', 'be.koprogo.standin.description': description },
  };
}
