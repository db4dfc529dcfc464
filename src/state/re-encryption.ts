import { z } from 'zod';
import { EXIT, InfraError } from '../errors.js';
import { audited } from '../keys/audit/audit.js';
import { EnvelopeDamaged } from '../keys/envelope/envelope.js';
import { UnknownKeyVersion, WrongKey } from '../keys/provider.js';
import type { Store } from './installations.js';
import type { ObjectName } from './names.js';
import { Replayed } from './objects.js';
import { reEncryptRoot, ROOT } from './root.js';
import { say } from './words.js';

const RUN: ObjectName = { installation: 'store', kind: 'store-run', name: 're-encryption' };
/** A run that was broken off longer ago is not gone on with: the keys that it gave may have leaked since. */
const GOES_ON_WITHIN_MS = 24 * 60 * 60 * 1000;

/**
 * What a run leaves behind while it lasts. It does not say what is done: each object says that itself, by a serial that
 * only who has its key can write. It says which serials are too low to be of this run.
 */
const runSchema = z.object({
  format: z.literal(1),
  /** When the run began, in ms: what it writes has this serial or a higher one. */
  begun: z.number().int().positive(),
  /** Objects that had such a serial before, by name, because another computer's clock goes ahead: of these only a higher one is of this run. */
  ahead: z.record(z.string().max(200), z.number().int().positive()),
});
type Run = z.infer<typeof runSchema>;

export interface ReEncryptionOptions {
  /** Encrypt everything again, also what a run that was broken off has done. */
  fromStart: boolean;
  /** Hears of each object that is done. */
  tell: (done: number, of: number) => void;
  /** Renews keys that lie inside documents, where they were made before this time (ms). */
  renewInside?: (begun: number) => Promise<void>;
}

export interface ReEncryption {
  reEncrypted: number;
  /** Were encrypted anew since the run began, by a part of it that was broken off or by others. */
  current: number;
  /** When the run began that was gone on with; undefined when this one began it. */
  wentOnFrom: Date | undefined;
}

/**
 * Gives every object a fresh data key and encrypts it anew. What is stored stays readable at every moment. Killed anywhere,
 * it goes on where it was; an object that cannot be opened does not keep the others from it. The caller holds the locks
 * of the keys and of all installations. Throws InfraError when it could not be done with every object.
 */
export async function reEncryptAll(store: Store, currentKeyId: string, options: ReEncryptionOptions): Promise<ReEncryption> {
  const { run, wentOn } = await beginOrGoOn(store, options.fromStart);
  const objects = (await store.objects.list()).filter((object) => !isRun(object));
  const count = { 're-encrypted': 0, current: 0, gone: 0 };
  const failures: InfraError[] = [];
  for (const [index, object] of objects.entries()) {
    const isDone = (serial: number, keyId: string) => keyId === currentKeyId && serial >= run.begun && serial > (run.ahead[textOf(object)] ?? 0);
    try {
      count[await store.objects.reEncrypt(object, run.begun, isDone)] += 1;
    } catch (error) {
      if (!isOfOneObject(error)) throw error;
      failures.push(error);
    }
    options.tell(index + 1, objects.length + 1);
  }
  // The root has no serial that would tell; it is one object, and is done every time.
  await audited(store.audit, { operation: 'encrypt', keyId: currentKeyId, object: ROOT }, () => reEncryptRoot(store.objects.backend, store.keys));
  await options.renewInside?.(run.begun);
  store.keys.flush();
  if (failures.length > 0) throw unfinished(failures, objects.length);
  await endRun(store);
  options.tell(objects.length + 1, objects.length + 1);
  return { reEncrypted: count['re-encrypted'] + 1, current: count.current, wentOnFrom: wentOn ? new Date(run.begun) : undefined };
}

/** When the run began that was broken off, and may be gone on with; undefined when there is none. */
export async function unfinishedReEncryption(store: Store): Promise<Date | undefined> {
  const run = await readRun(store);
  return run && new Date(run.begun);
}

async function beginOrGoOn(store: Store, fromStart: boolean): Promise<{ run: Run; wentOn: boolean }> {
  const left = fromStart ? undefined : await readRun(store);
  const age = Date.now() - (left?.begun ?? 0);
  // Of a time to come: the clock was put back since, and nobody knows how old it is.
  if (left && age >= 0 && age <= GOES_ON_WITHIN_MS) return { run: left, wentOn: true };
  const begun = Date.now();
  const ahead: Record<string, number> = {};
  for (const object of (await store.objects.list()).filter((one) => !isRun(one))) {
    const serial = (await store.objects.stat(object))?.serial ?? 0;
    if (serial >= begun) ahead[textOf(object)] = serial;
  }
  const run: Run = { format: 1, begun, ahead };
  await store.objects.write(RUN, Buffer.from(JSON.stringify(run)), (await store.objects.stat(RUN)) ?? 'absent');
  return { run, wentOn: false };
}

/** What cannot be opened or understood is not believed: then the run begins from the start. */
async function readRun(store: Store): Promise<Run | undefined> {
  try {
    const found = await store.objects.read(RUN);
    return found && runSchema.safeParse(JSON.parse(found.plain.toString('utf8'))).data;
  } catch (error) {
    if (isOfOneObject(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function endRun(store: Store): Promise<void> {
  const stored = await store.objects.stat(RUN);
  if (stored) await store.objects.remove(RUN, stored);
}

/** Failures that say nothing of other objects. A key service that does not answer is none of them. */
function isOfOneObject(error: unknown): error is InfraError {
  return error instanceof EnvelopeDamaged || error instanceof Replayed || error instanceof WrongKey || error instanceof UnknownKeyVersion;
}

function unfinished(failures: readonly InfraError[], of: number): InfraError {
  const [first] = failures;
  const messages = failures.slice(0, 20).map(({ message }) => `  ${message}`);
  return new InfraError(say('anew', { count: failures.length, of, messages: messages.join('\n') }), {
    exitCode: EXIT.failed,
    hints: [...(first?.hints ?? []), say('anew.then')],
    cause: first,
  });
}

const isRun = (object: ObjectName) => textOf(object) === textOf(RUN);

function textOf({ installation, kind, name }: ObjectName): string {
  return `${installation}/${kind}/${name}`;
}
