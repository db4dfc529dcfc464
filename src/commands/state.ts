import { z } from 'zod';
import { askYesNo, hasTerminal } from '../edges/prompts.js';
import { EXIT, type ExitCode, InputError, RefusedError } from '../errors.js';
import { audited } from '../keys/audit/audit.js';
import { breakLock, describeOwner, installationLock, KEYS_LOCK, type LockName, readLock } from '../state/lock.js';
import type { ObjectName } from '../state/names.js';
import { isAlive, isOfThisComputer } from '../state/process-identity.js';
import { StateStoreTerraformState } from '../terraform/document-state-store.js';
import { breakLock as breakTerraformLock } from '../terraform/state-store.js';
import { bytes, table } from '../ui/format.js';
import { flag, type Invocation } from './invocation.js';
import { chooseInstallation, theStore } from './open.js';
import { print } from './print.js';
import { say } from './store-words.js';

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
      say('state.in', { where: result.state }),
      ...result.warnings.map((warning) => `  ! ${warning}`),
      rows.length === 0 ? say('state.nothing') : table(rows.map((row) => [`  ${row.installation}`, row.kind, row.name, bytes(row.bytes), row.written, row.keyId])),
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
  if (!names.includes(document)) throw new InputError(say('state.noDocument', { installation, document }), { hints: [say('state.has', { names: names.join(', ') })] });
  if (!flag(invocation, 'reveal')) throw new RefusedError(say('state.secret', { document }), { hints: [`koprogo-infra state show ${document} --installation ${installation} --reveal`] });
  process.stdout.write(`${JSON.stringify(await documents.get(document, z.unknown()), null, 2)}\n`);
  return EXIT.ok;
}

/** A lock that somebody holds. */
interface Held {
  owner: string;
  object: ObjectName;
  break: () => Promise<unknown>;
}

/** Breaks locks whose owners are gone: the installation's, and Terraform's. One that is seen to live here is not broken. */
export async function stateUnlock(invocation: Invocation): Promise<ExitCode> {
  const { audit } = await theStore();
  const installation = flag(invocation, 'keys') ? undefined : await chooseInstallation(invocation);
  const lock = installation === undefined ? KEYS_LOCK : installationLock(installation);
  const held = [await heldLock(lock), ...(installation === undefined ? [] : [await heldTerraformLock(installation)])].filter((one) => one !== undefined);
  const owners = held.map(({ owner }) => owner);
  if (held.length > 0 && !flag(invocation, 'yes')) {
    const what = say('state.locked', { what: lock.label, owners: owners.join('; ') });
    if (!hasTerminal()) throw new RefusedError(what, { hints: [say('state.whenEnded', { command: `${lock.unlock} --yes` })] });
    if (!(await askYesNo(say('state.ended', { what }), false))) throw new RefusedError(say('state.lockStays'));
  }
  for (const one of held) await audited(audit, { operation: 'force-unlock', object: one.object }, one.break);
  print(invocation, { unlocked: held.length > 0, owners }, () => (held.length === 0 ? say('state.notLocked', { what: lock.label }) : say('state.unlocked', { what: lock.label, owners: owners.join('; ') })));
  return EXIT.ok;
}

async function heldLock(lock: LockName): Promise<Held | undefined> {
  const { objects } = await theStore();
  const held = await readLock(objects, lock);
  if (held && (await isOfThisComputer(held.owner)) && (await isAlive(held.owner))) {
    throw new RefusedError(say('state.inUse', { what: lock.label, owner: describeOwner(held.owner) }), { hints: [`ps -fp ${held.owner.pid}`] });
  }
  return held && { owner: describeOwner(held.owner), object: lock.object, break: () => breakLock(objects, lock) };
}

async function heldTerraformLock(installation: string): Promise<Held | undefined> {
  const store = new StateStoreTerraformState((await theStore()).documents(installation), installation, '');
  const lock = await store.readLock();
  return lock && { owner: say('state.terraform', { operation: lock.Operation, who: lock.Who, created: lock.Created }), object: { installation, kind: 'document', name: 'terraform-lock' }, break: () => breakTerraformLock(store) };
}

/** `state accept audit-log` is about the audit log, and not about a document of an installation. */
const AUDIT_LOG = 'audit-log';

/** Takes an older content for right, which the operator has put back. */
export async function stateAccept(invocation: Invocation): Promise<ExitCode> {
  const [document = ''] = invocation.arguments;
  if (document === AUDIT_LOG) return acceptAuditLog(invocation);
  const installation = await chooseInstallation(invocation);
  const { audit, objects } = await theStore();
  const object = { installation, kind: 'document', name: document };
  if (!(await objects.stat(object))) throw new InputError(say('state.noDocument', { installation, document }), { hints: ['koprogo-infra state list'] });
  await audited(audit, { operation: 'accept', object }, () => objects.accept(object));
  print(invocation, { accepted: document }, () => say('state.accepted', { document }));
  return EXIT.ok;
}

/** Takes the audit log for right as it is, where the operator has begun a new one: from now on its present end is remembered. */
async function acceptAuditLog(invocation: Invocation): Promise<ExitCode> {
  const { audit, auditEnd } = await theStore();
  const { seq } = await auditEnd.accept();
  print(invocation, { accepted: AUDIT_LOG, line: seq }, () => say('state.logAccepted', { path: audit.path ?? '', line: String(seq) }));
  return EXIT.ok;
}
