import { hostname, userInfo } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { LockOwner } from '../../edges/file-lock.js';
import { EXIT, InfraError } from '../../errors.js';
import { VERSION } from '../../version.js';
import type { AuditEntry, AuditTrail } from './entry.js';
import { AuditFile } from './file.js';
import { ANCHOR_KIND, type AuditHead, className, CRITICAL, MAX_NAME, sealKey, type UnchainedLine } from './format.js';
import { say } from './words.js';

/** How long a line of an ordinary operation may wait for others, to be written together. SIGKILL loses what waits. */
const FLUSH_MS = 50;
/** So many lines do not wait any longer. */
const FLUSH_LINES = 256;
const LOCK_WAIT_MS = 5000;
const EXIT_WAIT_MS = 1000;
/** More do not wait in memory: they are counted, and the log says how many are missing. */
const MAX_WAITING = 10_000;

export interface AuditSettings {
  /** ENABLE_CRYPTO_AUDIT; on unless told otherwise. */
  enabled: boolean;
  /** SECURITY_AUDIT_LOG. */
  path: string;
  /** Derived from the key of the state: whoever can write the file cannot make lines that fit. At least 16 bytes. */
  auditKey?: Uint8Array;
  /** Called once, when lines of ordinary operations cannot be written: the operations go on. */
  onProblem?: (problem: InfraError) => void;
  /** For tests: a file that has grown past so many bytes is followed by a new one. */
  maxBytes?: number;
}

interface Waiting {
  /** Nothing, for one who only asks for the head. */
  line?: UnchainedLine;
  /** Set where somebody waits, and then the line must survive a power cut. */
  settle?: (outcome: { head: AuditHead } | { problem: InfraError }) => void;
}

const opened = new Set<FileTrail>();
process.on('exit', () => {
  for (const trail of opened) trail.flushAtExit();
});

/** Collects entries and has them written, in their order. */
export class FileTrail implements AuditTrail {
  readonly #settings: AuditSettings;
  readonly #file: AuditFile;
  readonly #by = describeWriter();
  #waiting: Waiting[] = [];
  #lost = 0;
  #warned = false;
  #timer: NodeJS.Timeout | undefined;
  #writing = false;
  #written: Promise<void> = Promise.resolve();
  #hasNews = false;

  constructor(settings: AuditSettings) {
    this.#settings = settings;
    const { path, auditKey, maxBytes } = settings;
    const stamp = (line: Pick<UnchainedLine, 'operation' | 'result'> & Partial<UnchainedLine>) => ({ time: new Date().toISOString(), by: this.#by, ...line });
    this.#file = new AuditFile({ path, key: auditKey && sealKey(auditKey), stamp, ...(maxBytes === undefined ? {} : { maxBytes }) });
    opened.add(this);
  }

  get path(): string {
    return this.#settings.path;
  }

  get hasNews(): boolean {
    return this.#hasNews;
  }

  async record(entry: AuditEntry): Promise<void> {
    const line = this.#lineOf(entry);
    this.#hasNews ||= entry.object?.kind !== ANCHOR_KIND;
    if (CRITICAL.has(entry.operation)) {
      await this.#durably({ line });
    } else if (this.#waiting.length < MAX_WAITING) {
      this.#waiting.push({ line });
      if (this.#waiting.length >= FLUSH_LINES) void this.#drain();
      else this.#timer ??= setTimeout(() => void this.#drain(), FLUSH_MS).unref();
    } else {
      this.#lost += 1;
    }
  }

  async head(): Promise<AuditHead | undefined> {
    const head = await this.#durably({});
    return head.seq === 0 ? undefined : head;
  }

  async close(): Promise<void> {
    await this.#drain();
    opened.delete(this);
  }

  #lineOf({ operation, keyId, object, result }: AuditEntry): UnchainedLine {
    return {
      time: new Date().toISOString(),
      operation,
      ...(keyId === undefined ? {} : { key: keyId.slice(0, 255) }),
      ...(object ? { object: shortened(object) } : {}),
      by: this.#by,
      result: className(result),
    };
  }

  #durably(waiting: Waiting): Promise<AuditHead> {
    return new Promise((fulfil, reject) => {
      const settle: Waiting['settle'] = (outcome) => {
        if ('head' in outcome) fulfil(outcome.head);
        else reject(outcome.problem);
      };
      this.#waiting.push({ ...waiting, settle });
      void this.#drain();
    });
  }

  /** Writes all that waits; one at a time, so that the lines keep their order. */
  #drain(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#writing) this.#written = this.#writeWaiting();
    return this.#written;
  }

  async #writeWaiting(): Promise<void> {
    this.#writing = true;
    let since = Date.now();
    while (this.#waiting.length > 0) {
      const heldBy = this.#attempt();
      if (!heldBy) since = Date.now();
      else if (Date.now() - since > LOCK_WAIT_MS) this.#fail(lockHeld(`${this.#settings.path}.lock`, heldBy));
      else await delay(1 + Math.random() * 4);
    }
    // Not in a finally of the promise: that would run later, and a line that comes in between would wait for ever.
    this.#writing = false;
  }

  /** undefined when the lines that waited are written, or are given up with everybody told. */
  #attempt(): LockOwner | undefined {
    const lines = this.#waiting.flatMap(({ line }) => line ?? []);
    const durable = this.#waiting.some(({ settle }) => settle);
    const missing = this.#lost > 0 ? [{ time: new Date().toISOString(), operation: 'lost', by: this.#by, result: 'ok', lost: this.#lost } as const] : [];
    try {
      const outcome = this.#file.append([...missing, ...lines], durable);
      if ('heldBy' in outcome) return outcome.heldBy;
      this.#lost = 0;
      for (const { settle } of this.#waiting.splice(0)) settle?.(outcome);
    } catch (error) {
      this.#fail(error instanceof InfraError ? error : new InfraError(say('log.failed'), { cause: error }));
    }
    return undefined;
  }

  #fail(problem: InfraError): void {
    const failed = this.#waiting.splice(0);
    this.#lost += failed.filter(({ line }) => line).length;
    for (const { settle } of failed) settle?.({ problem });
    if (this.#warned) return;
    this.#warned = true;
    this.#settings.onProblem?.(problem);
  }

  /** Timers do not run any more now: waits for the lock by sleeping. */
  flushAtExit(): void {
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    for (const until = Date.now() + EXIT_WAIT_MS; this.#waiting.length > 0 && Date.now() < until; ) {
      if (this.#attempt()) Atomics.wait(sleeper, 0, 0, 2);
    }
  }
}

/** For messages, when waiting took too long. */
function lockHeld(path: string, owner: LockOwner): InfraError {
  return new InfraError(say('held', { pid: owner.pid, place: owner.host === hostname() ? say('held.here') : owner.host }), {
    exitCode: EXIT.busy,
    hints: [say('again'), say('held.ended', { path })],
  });
}

function shortened({ installation, kind, name, serial }: NonNullable<AuditEntry['object']>): NonNullable<UnchainedLine['object']> {
  const cut = (text: string) => text.slice(0, MAX_NAME);
  return { installation: cut(installation), kind: cut(kind), name: cut(name), ...(serial === undefined ? {} : { serial }) };
}

function describeWriter(): UnchainedLine['by'] {
  const uid = process.getuid?.() ?? -1;
  let user = `uid ${uid}`;
  try {
    user = userInfo().username;
  } catch {
    // A container may run as a user that has no name.
  }
  return { user: user.slice(0, MAX_NAME), uid, host: hostname().slice(0, MAX_NAME), pid: process.pid, version: VERSION };
}
