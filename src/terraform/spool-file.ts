import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { readRegularFile, syncDirectory, writeDurably } from '../edges/files.js';
import { InfraError } from '../errors.js';
import { type DataKey, open, seal, type Unwrap } from '../keys/envelope/envelope.js';
import { DATA_KEY_BYTES, type EnvelopeContext } from '../keys/envelope/envelope-format.js';
import { type WrappedKey, WrongKey } from '../keys/provider.js';
import { Secret } from '../secret.js';
import { secretText } from '../state/schema.js';
import type { StateStore } from '../state/store.js';
import { type KeptState, MAX_STATE_BYTES, type StateSpool } from './state-store.js';
import { say } from './words.js';

/** Head and tags of the envelope on top of the largest state. */
const MAX_FILE_BYTES = MAX_STATE_BYTES + 1024 * 1024;

/** The first line inside the envelope; the state follows it. */
const head = z.object({ format: z.literal(1), over: z.array(z.string()) });

/** Gives the data key of a spool, and finds it again. */
export interface SpoolKeys {
  /** A data key for what this run will keep. The spool wipes it. */
  dataKey(): Promise<DataKey>;
  unwrap: Unwrap;
}

/** The spool as one envelope in one file. */
export class SpoolFile implements StateSpool {
  #key: DataKey | undefined;
  readonly #context: EnvelopeContext;

  constructor(
    readonly place: string,
    installation: string,
    private readonly keys: SpoolKeys,
  ) {
    // The serial of the envelope stays 1: which state is newer is told by the serial inside, which Terraform counts.
    this.#context = { installation, kind: 'terraform-spool', name: 'terraform-state', serial: 1 };
  }

  async prepare(): Promise<void> {
    this.#key ??= await this.keys.dataKey();
  }

  async keep({ bytes, over }: KeptState): Promise<void> {
    if (!this.#key) throw new TypeError('the spool was not prepared');
    await mkdir(dirname(this.place), { recursive: true, mode: 0o700 });
    const plain = Buffer.concat([Buffer.from(`${JSON.stringify({ format: 1, over })}\n`), bytes]);
    await writeDurably(this.place, seal(this.#key, this.#context, plain));
    plain.fill(0);
  }

  async kept(): Promise<KeptState | undefined> {
    const envelope = await readRegularFile(this.place, MAX_FILE_BYTES);
    if (!envelope) return undefined;
    try {
      const plain = await open(envelope, this.#context, this.keys.unwrap);
      const end = plain.indexOf('\n');
      return { bytes: plain.subarray(end + 1), over: head.parse(JSON.parse(plain.toString('utf8', 0, end))).over };
    } catch (error) {
      if (!(error instanceof InfraError)) throw error;
      throw new InfraError(say('spool.unread', { place: this.place, why: error.message }), {
        hints: [...error.hints, say('spool.unread.goOn', { place: this.place })],
        exitCode: error.exitCode,
        cause: error,
      });
    }
  }

  async clear(): Promise<void> {
    if (!(await readRegularFile(this.place, MAX_FILE_BYTES))) return;
    await rm(this.place, { force: true });
    await syncDirectory(dirname(this.place));
  }

  close(): void {
    this.#key?.plain.fill(0);
    this.#key = undefined;
  }
}

const DOCUMENT = 'terraform-spool-key';
const KEY_ID = 'document terraform-spool-key';
/** So many re-encryptions of the state, without a Terraform run in between, can be undergone by a state that was kept. */
const MAX_FORMER = 50;
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const oneKey = z.object({ id: hex(16), key: secretText });
const keyDocument = oneKey.extend({
  format: z.literal(1),
  /** When the key was made, in ms. */
  made: z.number().int().positive().optional(),
  /** Keys before this one, the newest first: a computer that is not at hand may still keep a state under one of them. */
  former: z.array(oneKey).max(MAX_FORMER).optional(),
});

/**
 * Gives an installation another spool key, unless its key was made at `since` (ms) or later, and encrypts what is kept on this
 * computer anew under it. The key before stays, for reading. Only under the lock of the installation; killed anywhere, it can be repeated.
 */
export async function renewSpoolKey(state: StateStore, spool: StateSpool, since: number): Promise<void> {
  const document = await state.get(DOCUMENT, keyDocument);
  if (!document) return;
  if ((document.made ?? 0) < since) {
    const { id, key, former = [] } = document;
    await state.put(DOCUMENT, { ...newKey(), former: [{ id, key }, ...former].slice(0, MAX_FORMER) });
  }
  const kept = await spool.kept();
  if (!kept) return;
  try {
    await spool.prepare();
    await spool.keep(kept);
  } finally {
    kept.bytes.fill(0);
    spool.close();
  }
}

function newKey(): z.infer<typeof keyDocument> {
  return { format: 1, id: randomBytes(16).toString('hex'), key: new Secret(randomBytes(DATA_KEY_BYTES).toString('base64')), made: Date.now() };
}

/** A spool key that is itself a document of the encrypted state: made once, read before every run. */
export function spoolKeysIn(state: StateStore): SpoolKeys {
  const plainOf = (key: Secret): Buffer => {
    const plain = Buffer.from(key.reveal(), 'base64');
    if (plain.length !== DATA_KEY_BYTES) throw new InfraError(say('spool.noKey', { document: DOCUMENT, bytes: DATA_KEY_BYTES }));
    return plain;
  };
  const make = async (): Promise<z.infer<typeof keyDocument>> => {
    const made = newKey();
    await state.put(DOCUMENT, made);
    return made;
  };
  return {
    async dataKey() {
      const { id, key } = (await state.get(DOCUMENT, keyDocument)) ?? (await make());
      return { plain: plainOf(key), wrapped: { keyId: KEY_ID, wrapped: Buffer.from(id, 'hex') } };
    },
    async unwrap({ keyId, wrapped }: WrappedKey) {
      const document = await state.get(DOCUMENT, keyDocument);
      const found = document && [document, ...(document.former ?? [])].find(({ id }) => id === wrapped.toString('hex'));
      if (!found || keyId !== KEY_ID) throw new WrongKey(say('spool.otherKey'));
      return plainOf(found.key);
    },
  };
}
