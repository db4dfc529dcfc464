import { EXIT, type ExitCode } from '../../errors.js';
import type { AuditVerification } from '../audit/verify.js';
import type { CoreDumps } from './core-dumps.js';
import type { FipsStatus } from './fips.js';
import type { MemoryProtection } from './locked-memory.js';
import type { KdfParameters } from '../passphrase-kdf.js';
import type { KeyVersion } from '../provider.js';
import { say } from './words.js';

/** What is stored under one version of the key. */
export interface KeyUsage {
  keyId: string;
  objects: number;
  bytes: number;
}

/** ENABLE_DEK_CACHE, DEK_CACHE_TTL_SECONDS, DEK_CACHE_MAX_SIZE. */
export interface CacheLimits {
  enabled: boolean;
  ttlSeconds: number;
  maxEntries: number;
}

/** Everything that was found out by others: the report only judges. */
export interface PostureFacts {
  now: Date;
  /** ENVELOPE_THRESHOLD_BYTES: up to so many bytes, an object is encrypted in one piece. */
  envelopeThresholdBytes: number;
  /** `fault` says in one phrase why the provider cannot be used now. */
  provider: { name: string; where: string; fault?: string };
  /** As the provider lists them; none when it cannot be asked. */
  versions: readonly KeyVersion[];
  usage: readonly KeyUsage[];
  /** KEY_ROTATION_INTERVAL_DAYS; 0 asks for no rotation. */
  rotationIntervalDays: number;
  cache: { asked: CacheLimits; found: CacheLimits };
  memory: { asked: { locking: boolean; guardPages: boolean; constantTime: boolean }; found: MemoryProtection };
  coreDumps: CoreDumps;
  fips: { asked: boolean; found: FipsStatus };
  /** `verification` where the log is on and was read; `end` where only its end was looked at; `fault` why it could not be. */
  audit: { asked: boolean; path: string; verification?: Pick<AuditVerification, 'verdict' | 'lines' | 'anchored'>; end?: 'as remembered' | 'not remembered' | 'missing'; fault?: string };
  /** For the local provider only. `kdf` where the key file is protected by a passphrase. */
  keyFile?: { passphraseAsked: boolean; kdf?: KdfParameters['kdf'] };
  /** Where the encrypted state is, in words and without credentials. */
  backend: string;
  /** Settings that work and are weaker than they should be; how the place of the state could lose what it has confirmed. */
  warnings: readonly string[];
}

export interface SecurityLine {
  /** Stable, for programs: "memory-locking". */
  id: string;
  title: string;
  asked: string;
  found: string;
  ok: boolean;
  /** The next command, or what to do. */
  hint?: string;
}

export interface SecurityReport {
  overall: 'ok' | 'weaker-than-asked';
  lines: SecurityLine[];
  /** What is stored under each version. "missing": the provider does not list it. */
  keys: (KeyUsage & { state: 'current' | 'older' | 'missing' })[];
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Clocks of two computers may differ by so much. */
const CLOCK_SLACK_MS = 5 * 60 * 1000;

/** Compares what was asked for with what was found. Pure: asks nobody. */
export function securityPosture(facts: PostureFacts): SecurityReport {
  const keys = facts.usage.map((usage) => ({ ...usage, state: stateOf(usage.keyId, facts.versions) }));
  const lines = [
    algorithm(),
    envelope(facts),
    provider(facts),
    ...(facts.keyFile ? [keyFile(facts, facts.keyFile)] : []),
    keyAge(facts),
    olderKeys(keys),
    cache(facts),
    onOff('memory-locking', say('title.memory'), facts.memory.asked.locking, facts.memory.found.locked, facts.memory.found.why, say('hint.memory')),
    onOff('guard-pages', say('title.guards'), facts.memory.asked.guardPages, facts.memory.found.guardPages, facts.memory.found.why, 'npm install --include=optional'),
    constantTime(facts),
    coreDumpLine(facts),
    onOff('fips', say('title.fips'), facts.fips.asked, facts.fips.found.on, facts.fips.found.why, say('hint.fips')),
    audit(facts),
    line('backend', say('title.backend'), say('backend.asked'), say('backend.found', { backend: facts.backend }), true),
    ...facts.warnings.map((warning) => line('warning', say('title.warning'), say('none'), warning, false)),
  ];
  return { overall: lines.every(({ ok }) => ok) ? 'ok' : 'weaker-than-asked', lines, keys };
}

export function exitCodeOf(report: SecurityReport): ExitCode {
  return report.overall === 'ok' ? EXIT.ok : EXIT.degraded;
}

function line(id: string, title: string, asked: string, found: string, ok: boolean, hint?: string): SecurityLine {
  return { id, title, asked, found, ok, ...(ok || hint === undefined ? {} : { hint }) };
}

function onOff(id: string, title: string, asked: boolean, found: boolean, why: string | undefined, hint: string): SecurityLine {
  const words = (on: boolean) => (on ? say('on') : say('off'));
  const reason = why !== undefined && (asked !== found || id === 'fips') ? say('reason', { why }) : '';
  return line(id, title, words(asked), `${words(found)}${reason}`, found || !asked, hint);
}

/** It has no switch: what is here can be read is what every envelope says in its head. */
function algorithm(): SecurityLine {
  const words = say('algorithm');
  return line('algorithm', say('title.algorithm'), words, words, true);
}

function envelope({ envelopeThresholdBytes }: PostureFacts): SecurityLine {
  const words = say('envelope', { size: size(envelopeThresholdBytes) });
  return line('envelope', say('title.envelope'), words, say('envelope.format', { words }), true);
}

function size(count: number): string {
  if (count > 0 && count % 2 ** 20 === 0) return say('size.mib', { count: count / 2 ** 20 });
  return count > 0 && count % 1024 === 0 ? say('size.kib', { count: count / 1024 }) : say('size.bytes', { count });
}

function provider({ provider: { name, where, fault } }: PostureFacts): SecurityLine {
  return line('provider', say('title.provider'), name, fault === undefined ? say('provider.found', { name, where }) : say('provider.fault', { name, where, fault }), fault === undefined, 'koprogo-infra keys status');
}

function keyFile({ fips }: PostureFacts, { passphraseAsked, kdf }: NonNullable<PostureFacts['keyFile']>): SecurityLine {
  const asked = passphraseAsked ? say('file.passphrase') : say('file.rights');
  const make = (found: string, ok: boolean) => line('key-file', say('title.file'), asked, found, ok, say('hint.file'));
  if (kdf === undefined) return make(say('file.open'), !passphraseAsked);
  if (fips.found.on && kdf === 'argon2id') return make(say('file.argon'), false);
  return make(say('file.through', { kdf: kdf === 'argon2id' ? 'Argon2id' : 'PBKDF2-HMAC-SHA512' }), true);
}

function keyAge({ versions, rotationIntervalDays, now }: PostureFacts): SecurityLine {
  const asked = rotationIntervalDays === 0 ? say('age.none') : say('age.most', { days: days(rotationIntervalDays) });
  const make = (found: string, ok: boolean, hint = 'koprogo-infra keys rotate') => line('key-age', say('title.age'), asked, found, ok, hint);
  const current = versions.find((version) => version.current);
  if (!current) return make(say('age.unnamed'), false, 'koprogo-infra keys status');
  const name = current.version === undefined ? current.keyId : say('age.version', { keyId: current.keyId, version: current.version });
  if (!current.created) return make(say('age.unknown', { name }), rotationIntervalDays === 0, say('hint.age'));
  const age = now.getTime() - current.created.getTime();
  if (age < -CLOCK_SLACK_MS) return make(say('age.future', { name, created: current.created.toISOString().slice(0, 10) }), false, 'timedatectl');
  const whole = Math.max(0, Math.floor(age / DAY_MS));
  return make(say('age', { name, days: days(whole) }), rotationIntervalDays === 0 || age <= rotationIntervalDays * DAY_MS);
}

function days(count: number): string {
  return count === 1 ? say('age.day') : say('age.days', { count });
}

/** Only what was written anew is protected by a rotation: what is left under older versions is named until it is none. */
function olderKeys(keys: SecurityReport['keys']): SecurityLine {
  const sum = (state: SecurityReport['keys'][number]['state']) => {
    const some = keys.filter((usage) => usage.state === state && usage.objects > 0);
    return { objects: some.reduce((total, { objects }) => total + objects, 0), bytes: some.reduce((total, { bytes }) => total + bytes, 0), ids: some.map(({ keyId }) => keyId) };
  };
  const [older, missing] = [sum('older'), sum('missing')];
  const amount = ({ objects, bytes }: typeof older) => (objects === 1 ? say('older.object', { bytes }) : say('older.objects', { objects, bytes }));
  const found = [
    ...(older.objects > 0 ? [say('older.under', { amount: amount(older) })] : []),
    ...(missing.objects > 0 ? [say('older.missing', { amount: amount(missing), ids: missing.ids.join(', ') })] : []),
  ];
  return line('older-keys', say('title.older'), say('nothing'), found.join('; ') || say('nothing'), found.length === 0, missing.objects > 0 ? 'koprogo-infra keys status' : 'koprogo-infra keys migrate');
}

function stateOf(keyId: string, versions: readonly KeyVersion[]): 'current' | 'older' | 'missing' {
  const version = versions.find((one) => one.keyId === keyId);
  if (!version) return 'missing';
  return version.current ? 'current' : 'older';
}

/** A cache that keeps keys longer, or more of them, than it was told to is weaker than asked; one that is smaller or off is not. */
function cache({ cache: { asked, found } }: PostureFacts): SecurityLine {
  const words = ({ enabled, ttlSeconds, maxEntries }: CacheLimits) => (enabled ? say('cache.on', { seconds: ttlSeconds, count: maxEntries }) : say('off'));
  const ok = !found.enabled || (asked.enabled && found.ttlSeconds <= asked.ttlSeconds && found.maxEntries <= asked.maxEntries);
  return line('data-key-cache', say('title.cache'), words(asked), words(found), ok, say('hint.cache'));
}

function constantTime({ memory }: PostureFacts): SecurityLine {
  return line('constant-time', say('title.constant'), memory.asked.constantTime ? say('on') : say('off'), say('constant'), true);
}

function coreDumpLine({ coreDumps }: PostureFacts): SecurityLine {
  return line('core-dumps', say('title.dumps'), say('off'), `${coreDumps.off ? say('off') : say('on')}${say('reason', { why: coreDumps.why })}`, coreDumps.off, 'apt-get install util-linux');
}

function audit({ audit: { asked, path, verification, end: lookedAt, fault } }: PostureFacts): SecurityLine {
  const make = (found: string, ok: boolean, hint?: string) => line('audit-log', say('title.audit'), asked ? say('on') : say('off'), found, ok, hint);
  if (!asked) return make(say('off'), true);
  if (lookedAt === 'missing') return make(say('audit.missing', { path }), false, 'koprogo-infra audit verify');
  if (lookedAt !== undefined) return make(lookedAt === 'as remembered' ? say('audit.remembered', { path }) : say('audit.notRemembered', { path }), true);
  if (fault !== undefined || !verification) return make(say('audit.unverified', { path, fault: fault === undefined ? '' : say('reason', { why: fault }) }), false, 'koprogo-infra audit verify');
  const { verdict, lines, anchored } = verification;
  const words = { intact: say('audit.intact', { lines }), cut: say('audit.cut', { lines }), empty: say('audit.empty'), unproven: say('audit.unproven', { lines }), tampered: say('audit.tampered') }[verdict];
  const end = anchored || verdict === 'empty' ? '' : say('audit.end');
  return make(say('audit.found', { path, words: words + end }), verdict !== 'tampered' && verdict !== 'unproven', 'koprogo-infra audit verify');
}
