import { EXIT, type ExitCode, InfraError, InputError } from '../errors.js';
import { RESTORE_TEST_DOCUMENT, restoreTestSchema } from '../backup/restore-test.js';
import { timeOfBackupId } from '../backup/layout.js';
import { duration, table } from '../ui/format.js';
import { type Reporter, TextReporter } from '../ui/reporter.js';
import { say } from './fleet-words.js';
import { type Invocation, textOption } from './invocation.js';
import { ANSWERS_DOCUMENT, answersSchema, openInstallation, theStore } from './open.js';
import { print } from './print.js';
import { exitCodeOfSummary, summarize, type Summary } from './summary.js';

/** So many servers are asked at a time: each needs a connection and a process or two for its answers. */
const AT_A_TIME = 8;

/** An installation as far as this computer knows it. */
interface Listed {
  installation: string;
  target: string | null;
  domain: string | null;
  /** When a backup was last restored for a test (RFC 3339). */
  restoreTested: string | null;
}

/** `list`: what is remembered of every installation. No server is asked. */
export async function list(invocation: Invocation): Promise<ExitCode> {
  const store = await theStore();
  const installations: Listed[] = [];
  for (const installation of await store.installations()) {
    const documents = store.documents(installation);
    const answers = await documents.get(ANSWERS_DOCUMENT, answersSchema);
    const test = await documents.get(RESTORE_TEST_DOCUMENT, restoreTestSchema);
    installations.push({ installation, target: answers?.['target'] ?? null, domain: answers?.['domain'] ?? null, restoreTested: test?.at ?? null });
  }
  print(invocation, { installations }, () => listText(installations));
  return EXIT.ok;
}

function listText(installations: readonly Listed[]): string {
  if (installations.length === 0) return say('fleet.none');
  return table([
    [say('fleet.name'), say('fleet.target'), say('fleet.site'), say('fleet.restored')],
    ...installations.map(({ installation, target, domain, restoreTested }) => [
      installation,
      target ?? say('fleet.begun'),
      domain ?? '',
      target === null ? '' : (restoreTested?.slice(0, 10) ?? say('fleet.never')),
    ]),
  ]);
}

/** How one installation is, or why that could not be found out. */
export type Look = { installation: string; summary: Summary } | { installation: string; problem: string; hints: readonly string[]; exitCode: ExitCode };

/** `status --all`: every installation side by side. The exit code is the worst of theirs. */
export async function statusAll(invocation: Invocation): Promise<ExitCode> {
  if (textOption(invocation, 'installation') !== undefined) throw new InputError(say('fleet.oneAtATime'), { hints: ['koprogo-infra status --all'] });
  const names = await (await theStore()).installations();
  const reporter = new TextReporter();
  const label = say('fleet.looking');
  let done = 0;
  const installations = await eachOf(names, AT_A_TIME, async (name): Promise<Look> => {
    reporter.update(label, { done, total: names.length });
    try {
      return await look(name, only(reporter, name));
    } finally {
      done += 1;
      reporter.update(label, { done, total: names.length });
    }
  }).finally(() => {
    reporter.clear();
  });
  print(invocation, { installations }, () => fleetText(installations));
  return worst(installations);
}

async function look(installation: string, reporter: Reporter): Promise<Look> {
  try {
    return { installation, summary: await openInstallation(installation, { reporter }, summarize) };
  } catch (error) {
    if (!(error instanceof InfraError)) throw error;
    return { installation, problem: error.message, hints: error.hints, exitCode: error.exitCode };
  }
}

/** Of many at a time only warnings are shown, with the name of who warns. */
function only(reporter: Reporter, name: string): Reporter {
  const nothing = (): void => undefined;
  return {
    heading: nothing,
    step: nothing,
    note: nothing,
    update: nothing,
    showOnce: nothing,
    clear: nothing,
    warn: (text) => {
      reporter.warn(`${name}: ${text}`);
    },
    failure: (error) => {
      reporter.warn(`${name}: ${error.message}`);
    },
  };
}

/** A line for each installation, and below them why some could not be asked. */
export function fleetText(looks: readonly Look[], now: Date = new Date()): string {
  if (looks.length === 0) return say('fleet.none');
  const rows = looks.map((one) => ('problem' in one ? [one.installation, say('fleet.unknown')] : [one.installation, ...cells(one.summary, now)]));
  const problems = looks.flatMap((one) => ('problem' in one ? [`${one.installation}: ${one.problem}`, ...one.hints.map((hint) => `  → ${hint}`)] : []));
  const heads = [say('fleet.name'), say('fleet.site'), say('fleet.services'), say('fleet.volumes'), say('fleet.newest')];
  return [table([heads, ...rows]), ...(problems.length === 0 ? [] : ['', ...problems])].join('\n');
}

function cells({ site, services, volumes, backup }: Summary, now: Date): string[] {
  const { overall } = volumes;
  const made = backup && timeOfBackupId(backup.id);
  return [
    `${site.domain} ${site.health.ok ? say('fleet.answers') : say('fleet.fails')}`,
    say('fleet.running', { running: services.filter(({ ok }) => ok).length, all: services.length }),
    overall === 'healthy' ? say('fleet.healthy') : overall === 'locked' ? say('fleet.locked') : say('fleet.degraded'),
    made ? age((now.getTime() - made.getTime()) / 1000) : say('fleet.never'),
  ];
}

function age(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  return days < 2 ? say('fleet.age', { age: duration(seconds) }) : say('fleet.days', { days });
}

/** What could not be asked comes first, then what is locked, then what lacks something. */
export function worst(looks: readonly Look[]): ExitCode {
  const codes = looks.map((one) => ('problem' in one ? one.exitCode : exitCodeOfSummary(one.summary))).filter((code) => code !== EXIT.ok);
  return codes.find((code) => code !== EXIT.locked && code !== EXIT.degraded) ?? codes.find((code) => code === EXIT.locked) ?? codes[0] ?? EXIT.ok;
}

/** Work on every item, at most `limit` at a time; the results in the order of the items. The first error ends it. */
export async function eachOf<Item, Result>(items: readonly Item[], limit: number, work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = items.entries();
  const worker = async (): Promise<void> => {
    for (const [at, item] of waiting) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
