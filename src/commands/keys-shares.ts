import { join } from 'node:path';
import type { PrivateKey } from 'openpgp';
import { hasTerminal } from '../edges/prompts.js';
import { EXIT, type ExitCode, InfraError, InputError, messageOf } from '../errors.js';
import { audited } from '../keys/audit/audit.js';
import { recordCopy } from '../keys/recovery/copies.js';
import { writeNewDirectory } from '../keys/recovery/new-directory.js';
import { readRecoveryKey, RECOVERY_KEY_DOCUMENT, type RecoveryKey, unlockPrivateKey } from '../keys/recovery/recovery-key.js';
import { proveDecryption, recordRehearsal } from '../keys/recovery/rehearsal.js';
import { sheetName } from '../keys/recovery/share-sheet.js';
import { handOutSheets } from '../keys/recovery/sheets.js';
import { combineShares, type Share } from '../keys/recovery/shares.js';
import type { Secret } from '../secret.js';
import type { ObjectName } from '../state/names.js';
import { collectShares, type Collected } from './collect-shares.js';
import { type Invocation, textOption } from './invocation.js';
import { auditedWithoutState, chooseInstallation, theStore, withState } from './open.js';
import { print } from './print.js';
import { say } from './store-words.js';

/** `keys split [--shares 3] [--threshold 2] [--to DIR]`: sheets of paper, some of which together open the backups. */
export async function keysSplit(invocation: Invocation): Promise<ExitCode> {
  const directory = textOption(invocation, 'to');
  if (directory === undefined && !hasTerminal()) {
    throw new InputError(say('shares.noTerminal'), { hints: ['koprogo-infra keys split --to DIRECTORY'] });
  }
  const plan = { count: number(invocation, 'shares', 3), threshold: number(invocation, 'threshold', 2) };
  const installation = await chooseInstallation(invocation);
  const { audit } = await theStore();
  const { shares, fingerprint } = await audited(audit, { operation: 'split', object: recoveryKeyOf(installation) }, () =>
    withState(installation, undefined, (state) => handOutSheets({ state, installation, plan, directory })),
  );
  const set = shares[0]?.set ?? '';
  const files = directory === undefined ? [] : shares.map(sheetName);
  print(invocation, { installation, fingerprint, set, ...plan, directory: directory ?? null, files }, () =>
    [
      say('shares.made', { set, threshold: plan.threshold, count: plan.count, installation }),
      ...(directory === undefined ? [] : [say('shares.written', { directory, files: files.join(', ') })]),
      say('shares.older'),
      say('shares.seeThatItWorks'),
    ].join('\n'),
  );
  // Last: the sheets are made, whatever can be recorded.
  await withState(installation, 'keys split', (state) => recordCopy(state, { kind: 'sheets', fingerprint }));
  return EXIT.ok;
}

/** `keys combine FILE… --to DIR [--private-key FILE]`: the recovery key and its passphrase again, for `backup restore`. */
export async function keysCombine(invocation: Invocation): Promise<ExitCode> {
  const directory = textOption(invocation, 'to');
  if (directory === undefined) throw new InputError(say('shares.noDirectory'), { hints: ['koprogo-infra keys combine FILE… --to DIRECTORY'] });
  const { shares, privateKey: armored } = await collectShares(invocation);
  if (!armored) {
    throw new InputError(say('shares.noPrivateKey'), { hints: [say('shares.onEachSheet')] });
  }
  const [keyFile, passphraseFile] = ['recovery-key.asc', 'recovery-key-passphrase.txt'];
  const fingerprint = await auditedWithoutState({ operation: 'combine' }, async () => {
    const { passphrase, privateKey } = await openWithShares(shares, armored);
    await writeNewDirectory(directory, [
      [keyFile, armored.reveal()],
      [passphraseFile, `${passphrase.reveal()}\n`],
    ]);
    return fingerprintOf(privateKey);
  });
  print(invocation, { directory, files: [keyFile, passphraseFile], fingerprint }, () =>
    [
      say('shares.open', { fingerprint }),
      say('shares.combined', { directory, keyFile, passphraseFile }),
      `  koprogo-infra backup restore --private-key ${join(directory, keyFile)} --passphrase-file ${join(directory, passphraseFile)}`,
    ].join('\n'),
  );
  return EXIT.ok;
}

/** `keys rehearse FILE… [--private-key FILE]`: proves that the shares open the recovery key, and writes down no secret. */
export async function keysRehearse(invocation: Invocation): Promise<ExitCode> {
  const collected = await collectShares(invocation);
  const installation = await installationAtHand(invocation);
  const at = new Date().toISOString();
  const shares = collected.shares.map((share) => share.index).sort((a, b) => a - b);
  const set = collected.shares[0]?.set ?? '';
  const work = async () => {
    if (installation === undefined) return rehearse(collected, undefined);
    return withState(installation, 'keys rehearse', async (state) => {
      const own = await readRecoveryKey(state);
      const result = await rehearse(collected, own).catch(async (error: unknown) => {
        const tried = error instanceof InfraError && !(error instanceof OtherInstallation) && own;
        if (tried) await recordRehearsal(state, { at, result: 'failed', fingerprint: own.fingerprint, set, shares });
        throw error;
      });
      await recordRehearsal(state, { at, result: 'opened', fingerprint: result, set, shares });
      return result;
    });
  };
  const { audit } = await theStore();
  const fingerprint = await audited(audit, { operation: 'rehearse', ...(installation === undefined ? {} : { object: recoveryKeyOf(installation) }) }, work);
  print(invocation, { result: 'opened', at, fingerprint, set, shares, installation: installation ?? null }, () =>
    [
      say('shares.rehearsed', { shares: shares.join(', '), set, fingerprint }),
      installation === undefined ? say('shares.notRecorded') : say('shares.recorded', { installation }),
    ].join('\n'),
  );
  return EXIT.ok;
}

/** What the audit log calls it. */
function recoveryKeyOf(installation: string): ObjectName {
  return { installation, kind: 'document', name: RECOVERY_KEY_DOCUMENT };
}

/** The shares are of a key that this installation does not have: no rehearsal of its own. */
class OtherInstallation extends InfraError {}

/** Returns the fingerprint of the key that opened. */
async function rehearse({ shares, privateKey }: Collected, own: RecoveryKey | undefined): Promise<string> {
  const armored = privateKey ?? own?.privateKey;
  if (!armored) throw new InputError(say('shares.noPrivateKeyHere'), { hints: [say('shares.fileOrSheet')] });
  const opened = await openWithShares(shares, armored);
  const fingerprint = fingerprintOf(opened.privateKey);
  if (own && own.fingerprint !== fingerprint) {
    throw new OtherInstallation(say('shares.otherInstallation', { found: fingerprint, own: own.fingerprint }), {
      exitCode: EXIT.usage,
      hints: [say('shares.sheetSays'), say('shares.chooseIt')],
    });
  }
  await proveDecryption(own?.publicKey ?? opened.privateKey.toPublic().armor(), opened.privateKey);
  return fingerprint;
}

async function openWithShares(shares: readonly Share[], armored: Secret): Promise<{ passphrase: Secret; privateKey: PrivateKey }> {
  const passphrase = await combineShares(shares);
  try {
    return { passphrase, privateKey: await unlockPrivateKey(armored, passphrase) };
  } catch (cause) {
    throw new InfraError(say('shares.doNotOpen', { set: shares[0]?.set ?? '', why: messageOf(cause) }), {
      hints: [say('shares.takeFromSheet')],
      cause,
    });
  }
}

/** The installation to record a rehearsal for; undefined on a computer that has none, as after the loss of the operator's. */
async function installationAtHand(invocation: Invocation): Promise<string | undefined> {
  const asked = textOption(invocation, 'installation') ?? process.env['KOPROGO_INSTALLATION'];
  return !asked && (await (await theStore()).installations()).length === 0 ? undefined : chooseInstallation(invocation);
}

function number(invocation: Invocation, option: string, fallback: number): number {
  const text = textOption(invocation, option);
  if (text === undefined) return fallback;
  if (!/^\d{1,2}$/.test(text)) throw new InputError(say('shares.badNumber', { option }));
  return Number(text);
}

function fingerprintOf(key: PrivateKey): string {
  return key.getFingerprint().toUpperCase();
}
