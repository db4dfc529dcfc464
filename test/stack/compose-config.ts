import type { Command } from '../../src/edges/command.js';
import { productionImages } from '../../src/stack/images.js';
import { renderStack, type StackInputs } from '../../src/stack/render.js';

/** Lets the real Compose read a rendering: fails when it does not accept it. For a host that has Docker, such as a test's server. */
export function composeConfig(compose: string): Command {
  return { argv: ['docker', 'compose', '--file', '-', 'config', '--quiet'], input: compose, root: true, timeout: 120, purpose: 'let Compose read a rendering' };
}

/** One rendering of each kind, by name: with and without TLS, real images and stand-ins, a small server and a large one. */
export function everyRendering(): Map<string, string> {
  const base: StackInputs = { domain: 'copro.example.be', www: false, tls: 'none', images: productionImages(), imagesLabel: 'registry', memoryMiB: 1990, cpus: 1 };
  const pinned = `registry.example:5000/koprogo/backend@sha256:${'0'.repeat(64)}`;
  const kinds: Record<string, StackInputs> = {
    'small, without TLS': base,
    'with TLS': { ...base, tls: 'letsencrypt', email: "o'neil+$x@example.be" },
    'large, pinned by digest': { ...base, memoryMiB: 64_000, cpus: 32, images: { ...productionImages(), backend: pinned } },
    'stand-ins': { ...base, imagesLabel: "stand-ins (not KoproGo): it's a test, 1/2" },
  };
  return new Map(Object.entries(kinds).map(([name, inputs]) => [name, renderStack(inputs).compose]));
}
