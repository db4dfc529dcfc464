import { z } from 'zod';
import { askYesNo, hasTerminal } from '../edges/prompts.js';
import { EXIT, type ExitCode, InputError, RefusedError } from '../errors.js';
import { audited } from '../keys/audit.js';
import { breakLock, describeOwner, installationLock, KEYS_LOCK, type LockName, readLock } from '../state/lock.js';
import type { ObjectName } from '../state/names.js';
import { isAlive, isOfThisComputer } from '../state/process-identity.js';
import { bytes, table } from '../ui/format.js';
import { flag, type Invocation } from './invocation.js';
import { chooseInstallation, theStore } from './open.js';
import { print } from './print.js';

interface StoredRow extends ObjectName {
  bytes: number;
  keyId: string;
  /** UTC; as the writer's clock had it. */
  written: string;
}

/** Every stored object, by name, without its content. */
export async function stateList(invocation: Invocation): Promise<ExitCode> {
  const { objects } = await theStore();
  const rows: StoredRow[] = [];
  for (const object of await objects.list()) {
    const [use, stat] = [await objects.keyUse(object), await objects.stat(object)];
    if (use && stat) rows.push({ ...object, bytes: use.bytes, keyId: use.keyId, written: new Date(stat.serial).toISOString() });
  }
  const result = { state: objects.backend.where, warnings: (await objects.backend.warnings?.()) ?? [], objects: rows };
  print(invocation, result, () =>
    [
      `State in ${result.state}`,
      ...result.warnings.map((warning) => `  ! ${warning}`),
      rows.length === 0 ? '  nothing is stored yet' : table(rows.map((row) => [`  ${row.installation}`, row.kind, row.name, bytes(row.bytes), row.written, row.keyId])),
    ].join('\n'),
  );
  return EXIT.ok;
}

/** One document in clear. It may hold secrets: hence --reveal. */
export async function stateShow(invocation: Invocation): Promise<ExitCode> {
  const [document = ''] = invocation.arguments;
  const installation = await chooseInstallation(invocation);
  const documents = (await theStore()).documents(installation);
  const names = await documents.names();
  if (!names.includes(document)) throw new InputError(`installation ${installation} has no document "${document}"`, { hints: [`it has: ${names.join(', ')}`] });
  if (!flag(invocation, 'reveal')) throw new RefusedError(`document "${document}" may hold secrets, which would be shown in clear`, { hints: [`koprogo-infra state show ${document} --installation ${installation} --reveal`] });
  process.stdout.write(`${JSON.stringify(await documents.get(document, z.unknown()), null, 2)}\n`);
  return EXIT.ok;
}

/** Breaks a lock whose owner is gone. One that is seen to live here is not broken. */
export async function stateUnlock(invocation: Invocation): Promise<ExitCode> {
  const { objects, audit } = await theStore();
  const lock = flag(invocation, 'keys') ? KEYS_LOCK : installationLock(await chooseInstallation(invocation));
  const owner = await ownerOf(lock);
  if (owner === undefined) {
    print(invocation, { unlocked: false }, () => `${lock.label} is not locked.`);
    return EXIT.ok;
  }
  if (!flag(invocation, 'yes')) {
    if (!hasTerminal()) throw new RefusedError(`${lock.label} is locked: ${owner}`, { hints: [`when that has really ended: ${lock.unlock} --yes`] });
    if (!(await askYesNo(`${lock.label} is locked: ${owner}. Has that really ended?`, false))) throw new RefusedError('the lock stays');
  }
  await audited(audit, { operation: 'force-unlock', object: lock.object }, () => breakLock(objects, lock));
  print(invocation, { unlocked: true, owner }, () => `${lock.label} is unlocked; the lock was held by: ${owner}`);
  return EXIT.ok;
}

/** Who holds the lock, in words; undefined when it is free. */
async function ownerOf(lock: LockName): Promise<string | undefined> {
  const held = await readLock((await theStore()).objects, lock);
  if (held && (await isOfThisComputer(held.owner)) && (await isAlive(held.owner))) {
    throw new RefusedError(`${lock.label} is in use on this computer: ${describeOwner(held.owner)}`, { hints: [`ps -fp ${held.owner.pid}`] });
  }
  return held && describeOwner(held.owner);
}

/** Takes an older content for right, which the operator has put back. */
export async function stateAccept(invocation: Invocation): Promise<ExitCode> {
  const [document = ''] = invocation.arguments;
  const installation = await chooseInstallation(invocation);
  const accepted = await (await theStore()).objects.accept({ installation, kind: 'document', name: document });
  if (!accepted) throw new InputError(`installation ${installation} has no document "${document}"`, { hints: ['koprogo-infra state list'] });
  print(invocation, { accepted: document }, () => `Document "${document}" is taken as it is now.`);
  return EXIT.ok;
}
