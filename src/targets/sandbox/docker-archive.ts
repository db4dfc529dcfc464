import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { InfraError } from '../../errors.js';
import { say } from './words.js';

/** What a container made from the image does unless told otherwise; the part of Docker's image configuration that is used here. */
export interface ImageDefaults {
  tag: string;
  user: string;
  env: Readonly<Record<string, string>>;
  entrypoint: readonly string[];
  workingDirectory: string;
  labels: Readonly<Record<string, string>>;
  /** "8080/tcp" */
  ports: readonly string[];
  stopSignal?: string;
}

const BLOCK = 512;
/** Header fields of a tar hold eleven octal digits. */
const LARGEST_LAYER = 8 * 1024 ** 3 - 1;
const PIECE = 1024 * 1024;

export interface Layer {
  /** The path of a tar; its digest names the layer. */
  tar: string;
  /** The path of the same tar, compressed with gzip or zstd: this is what is stored. */
  compressed: string;
}

/**
 * Writes images that all have the same single layer as one docker-archive, which `docker load` reads: manifest.json,
 * one configuration per image, and the layer, once. Nothing in it depends on the time, so the same layer gives the
 * same image ids. On the disk for good when this returns. Throws InfraError.
 */
export async function writeDockerArchive(path: string, layer: Layer, images: readonly ImageDefaults[]): Promise<void> {
  const digest = await sha256OfFile(layer.tar);
  const { size } = await stat(layer.compressed);
  if (size > LARGEST_LAYER) throw new InfraError(say('archive.tooLarge', { compressed: layer.compressed, size }));
  const layerName = `${digest}/layer.tar`;
  const configurations = images.map((image) => {
    const content = Buffer.from(JSON.stringify(configuration(image, digest)));
    return { tag: image.tag, name: `${sha256(content)}.json`, content };
  });
  const manifest = Buffer.from(JSON.stringify(configurations.map(({ tag, name }) => ({ Config: name, RepoTags: [tag], Layers: [layerName] }))));
  const file = await open(path, 'wx', 0o600);
  try {
    // Two images with one configuration are one image with two names.
    const members = new Map([...configurations.map(({ name, content }) => [name, content] as const), ['manifest.json', manifest]]);
    for (const [name, content] of members) await file.writeFile(Buffer.concat([header(name, content.length), padded(content)]));
    await file.writeFile(header(layerName, size));
    // Called on an open file, writeFile goes on where the last one ended.
    let written = 0;
    for await (const piece of createReadStream(layer.compressed, { highWaterMark: PIECE }) as AsyncIterable<Buffer>) {
      await file.writeFile(piece);
      written += piece.length;
    }
    if (written !== size) throw new InfraError(say('archive.changed', { compressed: layer.compressed }));
    await file.writeFile(Buffer.alloc(padding(size) + 2 * BLOCK));
    await file.sync();
  } finally {
    await file.close();
  }
}

function configuration(image: ImageDefaults, layerDigest: string): unknown {
  return {
    architecture: 'amd64',
    os: 'linux',
    config: {
      User: image.user,
      ExposedPorts: Object.fromEntries(image.ports.map((port) => [port, {}])),
      Env: Object.entries(image.env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: image.entrypoint,
      WorkingDir: image.workingDirectory,
      Labels: image.labels,
      ...(image.stopSignal === undefined ? {} : { StopSignal: image.stopSignal }),
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layerDigest}`] },
    history: [{ created_by: 'koprogo-infra, from Debian packages' }],
  };
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: PIECE }) as AsyncIterable<Buffer>) hash.update(piece);
  return hash.digest('hex');
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** The ustar header of a regular file, as POSIX.1-1988 describes it. */
function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, length: number, at: number) => block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  block.write(name, 0, 100, 'latin1');
  octal(0o644, 8, 100);
  octal(0, 8, 108);
  octal(0, 8, 116);
  octal(size, 12, 124);
  octal(0, 12, 136);
  block.write('        0', 148, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(block.reduce((sum, byte) => sum + byte, 0), 7, 148);
  return block;
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc(padding(content.length))]);
}
