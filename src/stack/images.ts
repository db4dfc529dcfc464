import { say } from './words.js';

export interface StackImages {
  traefik: string;
  postgres: string;
  backend: string;
  frontend: string;
}

/** How the app's container images get onto the server. */
export type ImageSource =
  /** Pulled from their registries by the server. */
  | { kind: 'registry' }
  /** A docker-archive file on this computer, loaded over SSH; `label` says what it is wherever images are named. */
  | { kind: 'archive'; file: string; images: StackImages; label: string };

/** The release of KoproGo's own images. */
export const KOPROGO_TAG = 'main';

/**
 * The real images. Traefik: older lines than 3.6 do not work with Docker 29. PostgreSQL: the Debian-based image and not
 * the Alpine one, because its user is 999 and not 70 (the owner of the data must not change with the image), and because
 * musl sorts text differently from glibc: moving a database between the two corrupts its indexes.
 */
export function productionImages(tag = KOPROGO_TAG): StackImages {
  return {
    traefik: 'traefik:v3.6',
    postgres: 'postgres:15-bookworm',
    backend: `ghcr.io/gilmry/koprogo/backend:${tag}`,
    frontend: `ghcr.io/gilmry/koprogo/frontend:${tag}`,
  };
}

export function imagesOf(source: ImageSource): StackImages {
  return source.kind === 'archive' ? source.images : productionImages();
}

/** On every container that is a stand-in, whatever language was spoken when it was made. */
export const STANDIN_LABEL = 'stand-ins from Debian packages (real PostgreSQL 15, no KoproGo)';

/** What a label says of the images, in the language of who reads it. */
export function describeLabel(label: string): string {
  return label === STANDIN_LABEL ? say('images.standIns') : label;
}

/** What the images are, for the label on every container. */
export function labelOf(source: ImageSource): string {
  return source.kind === 'archive' ? source.label : 'registry';
}
