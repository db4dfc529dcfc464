import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, type Readable, Transform } from 'node:stream';
import { CommandFailed, type Command, type Host, script } from '../edges/command.js';
import { InfraError, InputError } from '../errors.js';
import type { Progress } from '../progress.js';
import { type Check, done, needed, type Step } from '../step.js';
import { readDockerArchive } from './docker-archive.js';
import { describeLabel, type ImageSource, imagesOf } from './images.js';
import { say } from './words.js';

export interface ImagesOptions {
  server: () => Promise<Host>;
  images: () => Promise<ImageSource>;
  progress: Progress;
}

/** The stack's container images are on the server: loaded from an archive over SSH, or pulled from their registries. */
export function imagesStep({ server, images, progress }: ImagesOptions): Step {
  return {
    id: 'images',
    title: say('images.title'),
    onServer: true,
    async check() {
      const source = await images();
      const wanted = await wantedImages(source);
      const present = presentImages((await (await server()).run(inspectImages([...wanted.keys()]))).stdout);
      return judge(source, wanted, present);
    },
    async apply() {
      const source = await images();
      const host = await server();
      if (source.kind === 'archive') await loadArchive(host, source.file, progress);
      else for (const image of namesOf(source)) await pull(host, image, progress);
    },
  };
}

function namesOf(source: ImageSource): string[] {
  const { traefik, postgres, backend, frontend } = imagesOf(source);
  return [traefik, postgres, backend, frontend];
}

/** Each image's name, and its id where an archive says which it must be. */
async function wantedImages(source: ImageSource): Promise<Map<string, string | undefined>> {
  const names = namesOf(source);
  if (source.kind === 'registry') return new Map(names.map((name) => [name, undefined]));
  const archived = await readDockerArchive(source.file);
  return new Map(
    names.map((name) => {
      const image = archived.find(({ tags }) => tags.includes(name));
      if (!image) throw new InputError(say('images.notHeld', { file: source.file, name }));
      return [name, image.id];
    }),
  );
}

function judge(source: ImageSource, wanted: ReadonlyMap<string, string | undefined>, present: ReadonlyMap<string, string>): Check {
  const missing = [...wanted].filter(([name, id]) => (id === undefined ? !present.has(name) : present.get(name) !== id)).map(([name]) => name);
  if (missing.length > 0) return needed(...missing.map((name) => source.kind === 'archive' ? say('images.loadOne', { name }) : say('images.pull', { name })));
  return done(source.kind === 'archive' ? describeLabel(source.label) : undefined);
}

/** Says nothing for an image that is not there, and nothing at all when Docker does not run (asking would start it). */
export function inspectImages(names: readonly string[]): Command {
  return {
    ...script('systemctl is-active --quiet docker.service || exit 0; for i; do docker image inspect --format "$i {{.Id}}" "$i" 2>/dev/null || true; done', ...names),
    root: true,
    purpose: say('images.look'),
  };
}

function presentImages(stdout: string): Map<string, string> {
  return new Map([...stdout.matchAll(/^(\S+) (sha256:[0-9a-f]{64})$/gm)].map(([, name = '', id = '']) => [name, id]));
}

async function loadArchive(host: Host, file: string, progress: Progress): Promise<void> {
  const { size } = await stat(file);
  const input = counted(createReadStream(file, { highWaterMark: 256 * 1024 }), (bytes) => {
    progress.update(say('images.loading'), { done: bytes, total: size, unit: 'bytes' });
  });
  try {
    await host.run({ argv: ['docker', 'load', '--quiet'], input, root: true, timeout: 3600, purpose: say('images.load') });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new InfraError(error.message, { hints: [say('images.load.hint')], cause: error });
  } finally {
    input.destroy();
  }
}

/** The stream with a report of the bytes that went through; an error of the source is the stream's own. */
function counted(source: Readable, report: (bytes: number) => void): Readable {
  let bytes = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      bytes += chunk.length;
      report(bytes);
      next(null, chunk);
    },
  });
  return pipeline(source, counter, () => undefined);
}

const ATTEMPTS = 3;

async function pull(host: Host, image: string, progress: Progress): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const layers = { seen: 0, done: 0 };
    try {
      await host.run({
        argv: ['docker', 'pull', image],
        root: true,
        timeout: 1800,
        purpose: say('images.pull', { name: image }),
        onOutput: (text) => {
          layers.seen += text.match(/: (?:Pulling fs layer|Already exists)/g)?.length ?? 0;
          layers.done += text.match(/: (?:Pull complete|Already exists)/g)?.length ?? 0;
          progress.update(say('images.pulling', { image }), { done: layers.done, total: layers.seen, unit: 'items' });
        },
      });
      return;
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      const lasting = /manifest unknown|not found|denied|unauthorized|no matching manifest/i.test(error.output.stderr);
      if (lasting || attempt === ATTEMPTS) {
        throw new InfraError(error.message, { hints: [say('images.pull.hint', { image }), say('images.network')], cause: error });
      }
      progress.note(say('images.again', { image, attempt: attempt + 1, ATTEMPTS }));
    }
  }
}
