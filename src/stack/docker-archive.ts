import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { z } from 'zod';
import { InputError, messageOf } from '../errors.js';
import { say } from './words.js';

export interface ArchivedImage {
  /** "sha256:…" as Docker names the image once it is loaded: the digest of its configuration. */
  id: string;
  tags: string[];
}

const BLOCK = 512;
/** Manifest and configurations are small; a larger one is not what it says. */
const LARGEST_MEMBER = 4 * 1024 * 1024;

const manifestSchema = z.array(z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullable() })).min(1);

/**
 * The images in a docker-archive (`docker save`), from its headers, manifest and configurations: the layers are skipped.
 * Throws InputError when the file is not such an archive.
 */
export async function readDockerArchive(path: string): Promise<ArchivedImage[]> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const members = await listMembers(file);
    const manifest = manifestSchema.parse(JSON.parse((await readMember(file, members, 'manifest.json')).toString('utf8')));
    const images: ArchivedImage[] = [];
    for (const { Config, RepoTags } of manifest) {
      const configuration = await readMember(file, members, Config);
      images.push({ id: `sha256:${createHash('sha256').update(configuration).digest('hex')}`, tags: RepoTags ?? [] });
    }
    return images;
  } catch (cause) {
    throw new InputError(say('archive.not', { path, why: messageOf(cause) }), { hints: [say('archive.hint')], cause });
  } finally {
    await file?.close();
  }
}

interface Member {
  offset: number;
  size: number;
}

async function listMembers(file: FileHandle): Promise<Map<string, Member>> {
  const members = new Map<string, Member>();
  const { size: end } = await file.stat();
  const header = Buffer.alloc(BLOCK);
  for (let position = 0; position + BLOCK <= end; ) {
    const { bytesRead } = await file.read(header, 0, BLOCK, position);
    if (bytesRead < BLOCK) throw new Error(say('archive.ends'));
    if (header[0] === 0) break;
    if (header.toString('latin1', 257, 262) !== 'ustar') throw new Error(say('archive.noTar'));
    const size = octal(header, 124, 12);
    const offset = position + BLOCK;
    if (offset + size > end) throw new Error(say('archive.cut'));
    const name = [text(header, 345, 155), text(header, 0, 100)].filter((part) => part !== '').join('/');
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === '0' || type === '\0') members.set(name.replace(/^\.\//, ''), { offset, size });
    position = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
  return members;
}

async function readMember(file: FileHandle, members: ReadonlyMap<string, Member>, name: string): Promise<Buffer> {
  const member = members.get(name);
  if (!member) throw new Error(say('archive.holdsNo', { name }));
  if (member.size > LARGEST_MEMBER) throw new Error(say('archive.tooLarge', { name }));
  const content = Buffer.alloc(member.size);
  const { bytesRead } = await file.read(content, 0, member.size, member.offset);
  if (bytesRead < member.size) throw new Error(say('archive.memberCut', { name }));
  return content;
}

function text(block: Buffer, start: number, length: number): string {
  const field = block.toString('utf8', start, start + length);
  const end = field.indexOf('\0');
  return end < 0 ? field : field.slice(0, end);
}

/** Sizes of 8 GiB and more are written in binary, with the first bit set. */
function octal(block: Buffer, start: number, length: number): number {
  if (((block[start] ?? 0) & 0x80) !== 0) return Number(block.readBigUInt64BE(start + 4));
  const value = Number.parseInt(text(block, start, length).trim() || '0', 8);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(say('archive.noSize'));
  return value;
}
