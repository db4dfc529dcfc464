import { say } from './words.js';

/** The other side sent more than anybody reads: `code` is 'TooLarge', for whoever translates errors by their code. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
  readonly code = 'TooLarge';

  constructor(maxBytes: number) {
    super(say('body.tooLarge', { limit: maxBytes }));
  }
}

/**
 * The body of an answer, counted as it comes: a Content-Length may lie. The pieces are wiped, because a body may hold a key;
 * the text that is returned is the caller's. Throws BodyTooLarge.
 */
export async function readBody(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of pieces) {
    size += part.length;
    if (size > maxBytes) throw new BodyTooLarge(maxBytes);
    parts.push(part);
  }
  const whole = Buffer.concat(parts);
  for (const part of parts) part.fill(0);
  const text = whole.toString('utf8');
  whole.fill(0);
  return text;
}

/** undefined for what is not JSON: the parser's own message quotes the text, which may hold a secret. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
