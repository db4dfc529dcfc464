import { createRequire } from 'node:module';
import { messageOf } from '../../errors.js';
import { closedMappings, limitOf, lockedBytes } from './proc-self.js';
import { wipeableBytes } from './wipeable-bytes.js';
import { say } from './words.js';

/** Keeps key bytes where they are not written to swap, and where a stray read or write does not reach them. */
export interface KeyMemory {
  /** Takes the bytes over: they are copied, and the copy that was given is wiped. Throws RangeError for no bytes. */
  keep(bytes: Uint8Array): KeptKey;
  /** What is really on, found out on this system and for every key kept at this moment. */
  memoryProtection(): MemoryProtection;
}

export interface KeptKey {
  /**
   * Gives the bytes to `work`, which only reads them, ends before it returns (no promise), and keeps no reference: with
   * guard pages, a write, or a read afterwards, ends the process at once (SIGSEGV). Who needs a copy makes it, and wipes it.
   * Throws Error after `wipe`.
   */
  use<T>(work: (bytes: Uint8Array) => T): T;
  /** Overwrites the bytes; a second call does nothing. What was not wiped is wiped when the process exits. */
  wipe(): void;
}

export interface MemoryProtection {
  /** The pages with keys are not written to swap (mlock). */
  locked: boolean;
  /** The keys cannot be read or written but during `use`, and pages that nobody may touch lie around them. */
  guardPages: boolean;
  /** Why something that was asked for is not on. */
  why?: string;
}

export interface KeyMemorySettings {
  /** ENABLE_MEMORY_LOCKING, on unless told otherwise. */
  locking: boolean;
  /** ENABLE_GUARD_PAGES, on unless told otherwise. */
  guardPages: boolean;
}

/** What is used of sodium-native. Its `sodium_malloc` says nothing when the memory could not be locked. */
interface Sodium {
  sodium_malloc(bytes: number): Buffer;
  sodium_mprotect_noaccess(memory: Buffer): void;
  sodium_mprotect_readonly(memory: Buffer): void;
  sodium_mprotect_readwrite(memory: Buffer): void;
  sodium_memzero(memory: Uint8Array): void;
  sodium_mlock(memory: Uint8Array): void;
  sodium_munlock(memory: Uint8Array): void;
}

/**
 * Opens the key memory. sodium-native is an optional dependency: where it does not load, keys lie in ordinary memory,
 * are wiped all the same, and `memoryProtection` says so. For tests, `load` stands in for it.
 */
export function openKeyMemory(settings: KeyMemorySettings, load: () => unknown = loadSodium): KeyMemory {
  if (!settings.locking && !settings.guardPages) return new PooledMemory(settings, undefined, undefined);
  try {
    return new PooledMemory(settings, checkSodium(load()), undefined);
  } catch (error) {
    const [reason = ''] = messageOf(error).split('\n');
    return new PooledMemory(settings, undefined, say('memory.sodium', { reason: reason.slice(0, 200) }));
  }
}

function loadSodium(): unknown {
  return createRequire(import.meta.url)('sodium-native');
}

function checkSodium(library: unknown): Sodium {
  const names = ['malloc', 'mprotect_noaccess', 'mprotect_readonly', 'mprotect_readwrite', 'memzero', 'mlock', 'munlock'].map((name) => `sodium_${name}`);
  const has = (name: string) => typeof (library as Record<string, unknown> | null | undefined)?.[name] === 'function';
  const missing = names.filter((name) => !has(name));
  if (missing.length > 0) throw new Error(`it has no ${missing.join(', ')}`);
  return library as Sodium;
}

const opened = new Set<PooledMemory>();
process.on('exit', () => {
  for (const memory of opened) memory.wipeAll();
});

/** A piece of memory for one key at a time. */
interface Slot {
  memory: Buffer;
  /** Closed to reading and writing but during use. */
  guarded: boolean;
  locked: boolean;
}

/**
 * Slots of wiped keys are used again. It saves system calls, and it must be so: sodium-native frees memory only when the
 * garbage collector comes by, and it does not come for 32 bytes. A few thousand data keys later nothing more
 * could be locked (the limit is often 8 MiB, and each key has a page).
 */
class PooledMemory implements KeyMemory {
  readonly #free = new Map<number, Slot[]>();
  readonly #kept = new Set<Kept>();
  #guardsSeen: boolean | undefined;

  constructor(
    private readonly settings: KeyMemorySettings,
    private readonly sodium: Sodium | undefined,
    private readonly unavailable: string | undefined,
  ) {
    opened.add(this);
  }

  wipeAll(): void {
    for (const key of this.#kept) key.erase();
  }

  keep(bytes: Uint8Array): KeptKey {
    if (bytes.length === 0) throw new RangeError('a key is not empty');
    const slot = this.#free.get(bytes.length)?.pop() ?? this.#allocate(bytes.length);
    const key = new Kept(slot, slot.guarded ? this.sodium : undefined, () => {
      this.#kept.delete(key);
      this.#release(slot);
    });
    key.fill(bytes);
    this.#kept.add(key);
    bytes.fill(0);
    return key;
  }

  memoryProtection(): MemoryProtection {
    // Something must have been allocated, for anything to be found out.
    this.keep(new Uint8Array(32)).wipe();
    const slots = [...this.#kept].map(({ slot }) => slot).concat(...this.#free.values());
    const locked = this.settings.locking && slots.every((slot) => slot.locked);
    const guardPages = this.settings.guardPages && this.#guardsSeen === true && slots.every((slot) => slot.guarded);
    const why = this.#why(locked, guardPages);
    return { locked, guardPages, ...(why === undefined ? {} : { why }) };
  }

  #why(locked: boolean, guardPages: boolean): string | undefined {
    const { settings } = this;
    if (this.unavailable !== undefined) return this.unavailable;
    const reasons = [
      ...(settings.locking && !locked ? [lockedBytes() === undefined ? say('memory.unknown') : say('memory.unlocked', { limit: String(limitOf('locked memory')?.soft ?? say('memory.limit')) })] : []),
      ...(settings.guardPages && !guardPages ? [say('memory.guards')] : []),
    ];
    return reasons.length > 0 ? reasons.join('; ') : undefined;
  }

  #allocate(bytes: number): Slot {
    const { sodium, settings } = this;
    if (!sodium) return { memory: wipeableBytes(bytes), guarded: false, locked: false };
    const before = lockedBytes();
    if (!settings.guardPages) {
      const memory = wipeableBytes(bytes);
      // Pages that hold another key already are not counted a second time: here its word must do.
      return { memory, guarded: false, locked: before !== undefined && succeeds(() => { sodium.sodium_mlock(memory); }) };
    }
    const closedBefore = this.#guardsSeen === undefined ? closedMappings() : 0;
    const memory = sodium.sodium_malloc(bytes);
    const after = lockedBytes();
    this.#guardsSeen ??= closedMappings() >= closedBefore + 2;
    if (!settings.locking) sodium.sodium_munlock(memory);
    return { memory, guarded: true, locked: settings.locking && before !== undefined && after !== undefined && after > before };
  }

  #release(slot: Slot): void {
    const free = this.#free.get(slot.memory.length) ?? [];
    this.#free.set(slot.memory.length, [...free, slot]);
  }
}

class Kept implements KeptKey {
  #users = 0;
  #wiped = false;

  constructor(
    readonly slot: Slot,
    /** Only where the slot is guarded. */
    private readonly sodium: Sodium | undefined,
    private readonly release: () => void,
  ) {}

  fill(bytes: Uint8Array): void {
    this.sodium?.sodium_mprotect_readwrite(this.slot.memory);
    this.slot.memory.set(bytes);
    this.sodium?.sodium_mprotect_noaccess(this.slot.memory);
  }

  use<T>(work: (bytes: Uint8Array) => T): T {
    if (this.#wiped) throw new Error('the key was wiped');
    this.#users += 1;
    let result: T;
    try {
      result = this.sodium ? this.#useGuarded(this.sodium, work) : this.#useCopy(work);
    } finally {
      this.#users -= 1;
    }
    if (isThenable(result)) throw new TypeError('the work on a key must not be asynchronous');
    return result;
  }

  wipe(): void {
    if (this.#wiped) return;
    if (this.#users > 0) throw new Error('the key is in use');
    this.#wiped = true;
    this.erase();
    this.release();
  }

  /** Also in the middle of a use: for the end of the process. */
  erase(): void {
    const { memory } = this.slot;
    if (this.sodium) {
      this.sodium.sodium_mprotect_readwrite(memory);
      this.sodium.sodium_memzero(memory);
      this.sodium.sodium_mprotect_noaccess(memory);
    } else {
      memory.fill(0);
    }
  }

  #useGuarded<T>(sodium: Sodium, work: (bytes: Uint8Array) => T): T {
    const outermost = this.#users === 1;
    if (outermost) sodium.sodium_mprotect_readonly(this.slot.memory);
    try {
      return work(this.slot.memory);
    } finally {
      if (outermost) sodium.sodium_mprotect_noaccess(this.slot.memory);
    }
  }

  /** A copy, because nothing keeps `work` from wiping what it gets: the next user would encrypt under zeros. */
  #useCopy<T>(work: (bytes: Uint8Array) => T): T {
    const copy = wipeableBytes(this.slot.memory.length);
    copy.set(this.slot.memory);
    try {
      return work(copy);
    } finally {
      copy.fill(0);
    }
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function succeeds(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
