import { open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseEnv } from 'node:util';
import { closeAtEnd } from '../closing.js';
import { errorCode, syncDirectory } from '../edges/files.js';
import { EXIT, type ExitCode, InputError, messageOf } from '../errors.js';
import { audited } from '../keys/audit/audit.js';
import type { Store } from '../state/installations.js';
import { openStore } from '../state/open-store.js';
import { carryInto, documentsOf, exportStream, readExport, type TransferCount } from '../state/transfer.js';
import { bytes } from '../ui/format.js';
import { TextReporter } from '../ui/reporter.js';
import { flag, type Invocation, placeOption, textOption } from './invocation.js';
import { askPassphrase, theStore, warnOfAudit } from './open.js';
import { print } from './print.js';
import { say } from './store-words.js';

/** All documents into one encrypted file, which the present keys open. */
export async function stateExport(invocation: Invocation): Promise<ExitCode> {
  const to = textOption(invocation, 'to') ?? '';
  const store = await theStore();
  const size = await audited(store.audit, { operation: 'export' }, () => writeNew(to, exportStream(store)));
  print(invocation, { file: to, bytes: size }, () => say('transfer.exported', { file: to, size: bytes(size), where: store.keys.provider.where }));
  return EXIT.ok;
}

/** Documents of such a file into the present store. */
export async function stateImport(invocation: Invocation): Promise<ExitCode> {
  const from = invocation.arguments[0] ?? '';
  const file = await readFile(from).catch((cause: unknown) => {
    throw new InputError(say('transfer.notReadable', { file: from, why: messageOf(cause) }), { cause });
  });
  const store = await theStore();
  const carry = () => carryInto(store, readExport(store, file), { replace: flag(invocation, 'replace'), tell: () => undefined });
  const count = await store.withAllLocked('state import', () => audited(store.audit, { operation: 'import' }, carry));
  return told(invocation, count, store);
}

/** Everything into another place, under other keys where its settings say so. What is here stays. */
export async function stateMigrate(invocation: Invocation): Promise<ExitCode> {
  const store = await theStore();
  const target = await openTarget(invocation, store);
  const reporter = new TextReporter();
  const tell = (done: number) => {
    reporter.update(say('transfer.moving'), { done, unit: 'items' });
  };
  const carry = () => carryInto(target, documentsOf(store), { replace: flag(invocation, 'replace'), tell });
  // In both logs, which may be one: with the old place's seal that all documents went, with the new one's that they came.
  const object = { installation: 'store', kind: 'document', name: 'all' };
  const recorded = () => audited(store.audit, { operation: 'migrate', object }, () => audited(target.audit, { operation: 'import', object }, carry));
  const count = await store.withAllLocked('state migrate', recorded).finally(() => {
    reporter.clear();
  });
  const code = told(invocation, count, target);
  reporter.note(say('transfer.useIt'));
  return code;
}

function told(invocation: Invocation, count: TransferCount, store: Store): ExitCode {
  print(invocation, { ...count, state: store.objects.backend.where }, () => say('transfer.told', { written: count.written, where: store.objects.backend.where, equal: count.equal }));
  return EXIT.ok;
}

/** The place and the keys that `--to` and `--settings` name; what they do not name is as for the present state. */
async function openTarget(invocation: Invocation, present: Store): Promise<Store> {
  const settings = textOption(invocation, 'settings');
  const to = placeOption(invocation, 'to');
  const given: NodeJS.Dict<string> = settings === undefined ? {} : parseEnv(await readFile(settings, 'utf8').catch((cause: unknown) => {
    throw new InputError(say('transfer.settings', { file: settings, why: messageOf(cause) }), { cause });
  }));
  if (to !== undefined) given['KOPROGO_STATE'] = to;
  // The two are alternatives: who names the new place by one of them does not mean the old one by the other.
  const names = given['KOPROGO_STATE'] !== undefined || given['KOPROGO_STATE_FILE'] !== undefined;
  const target = await openStore({ ...process.env, ...(names ? { KOPROGO_STATE: undefined, KOPROGO_STATE_FILE: undefined } : {}), ...given }, askPassphrase, warnOfAudit);
  closeAtEnd(() => target.close());
  if (target.objects.backend.where !== present.objects.backend.where) return target;
  throw new InputError(say('transfer.samePlace', { where: present.objects.backend.where }), { hints: ['koprogo-infra state migrate --to postgres://…', say('transfer.otherSettings')] });
}

async function writeNew(path: string, content: AsyncIterable<Buffer>): Promise<number> {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw new InputError(say('transfer.notMade', { path, why: errorCode(cause) === 'EEXIST' ? say('transfer.exists') : messageOf(cause) }), { cause });
  });
  try {
    for await (const piece of content) await file.write(piece);
    await file.sync();
    const { size } = await file.stat();
    await syncDirectory(dirname(path));
    return size;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
