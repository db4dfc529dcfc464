import { describeRecord, type ZoneRecord } from '../dns/records.js';
import { askText, askYesNo } from '../edges/prompts.js';
import { InputError, RefusedError } from '../errors.js';
import type { Target } from '../targets/target.js';
import type { Reporter } from '../ui/reporter.js';
import { inShort } from '../ui/format.js';
import type { BACK } from './asking.js';
import { askToGoOn, describeAnswers } from './ask.js';
import type { Answers } from './question.js';
import { say } from './words.js';

/** Throws when work would begin that nobody agreed to. */
export function refuseWithoutConsent(given: { interactive: boolean; yes: boolean; plan: boolean }): void {
  if (given.interactive || given.yes || given.plan) return;
  throw new InputError(say('consent.nobody'), { hints: [say('consent.lookFirst'), say('consent.thenAgree')] });
}

/** An installation keeps its machine: other disks or another server would need another installation. */
export function refuseAnotherMachine(name: string, stored: Answers | undefined, answers: Answers): void {
  if (!stored) return;
  for (const key of ['target', 'host.address', 'disks.postgres', 'disks.documents', 'ovh.project', 'ovh.region'] as const) {
    if (stored[key] === answers[key]) continue;
    const [before, after] = [stored[key] ?? say('consent.none'), answers[key] ?? say('consent.none')];
    throw new InputError(say('consent.otherMachine', { name, key, before, after }), { hints: [say('consent.otherName'), say('consent.startOver', { name })] });
  }
}

/** Says what set-up will do and, where somebody is asked, with which answers; and asks whether to go on. */
export async function agree({ name, target, reporter }: { name: string; target: Target; reporter: Reporter }, answers: Answers, asking: boolean, canGoBack: boolean): Promise<typeof BACK | undefined> {
  reporter.heading(say('consent.heading', { name, target: target.name }));
  if (asking) {
    reporter.note(say('consent.answers'));
    for (const line of describeAnswers(answers)) reporter.note(`  ${line}`);
    reporter.note(say('consent.work'));
  }
  for (const line of await target.describeSetup()) reporter.note(`  ${line}`);
  const said = asking ? await askToGoOn(canGoBack) : true;
  if (said === false) throw new RefusedError(say('consent.refused'), { hints: ['koprogo-infra setup --plan'] });
  return said === true ? undefined : said;
}

/** Formatting loses what is on a disk: its id is typed, or was given; --yes is not enough. */
export function confirmFormat(given: { agreed: readonly string[]; interactive: boolean; reporter: Reporter; freshDisks: () => Promise<string[]> }): (disks: string[]) => Promise<void> {
  return async (disks) => {
    const agreed = new Set([...given.agreed, ...(await given.freshDisks())]);
    for (const disk of disks.filter((id) => !agreed.has(id))) {
      if (!given.interactive) {
        throw new RefusedError(say('consent.formatUnasked', { disk }), { hints: [`koprogo-infra setup --confirm-format ${disks.join(' ')}`] });
      }
      given.reporter.clear();
      const typed = await askText(say('consent.format', { disk }));
      if (typed.trim() !== disk) throw new RefusedError(say('consent.otherDisk', { typed: inShort(typed), disk }));
    }
  };
}

/**
 * A server is only replaced when its name was typed, or given; --yes is not enough. An interruption of the site asks for a yes, which --yes
 * has given. `asking`: questions that --yes answers are asked.
 */
export function confirmOutage(given: { agreed: string | undefined; interactive: boolean; asking: boolean; reporter: Reporter }): (outage: { server: string; replaced: boolean }) => Promise<void> {
  return async ({ server, replaced }) => {
    if (!replaced) {
      if (!given.asking) return;
      given.reporter.clear();
      if (!(await askYesNo(say('consent.outage'), false))) throw new RefusedError(say('consent.refused'), { hints: ['koprogo-infra setup --plan'] });
      return;
    }
    const typed = given.agreed ?? (given.interactive ? await typedName(server, given.reporter) : undefined);
    if (typed === undefined) throw new RefusedError(say('consent.replaceUnasked', { server }), { hints: [`koprogo-infra setup --yes --confirm-replace ${server}`] });
    if (typed.trim() !== server) throw new RefusedError(say('consent.otherServer', { typed, server }));
  };
}

function typedName(server: string, reporter: Reporter): Promise<string> {
  reporter.clear();
  return askText(say('consent.replaceServer', { server }));
}

/** Shows DNS records that are in the way, and asks whether they may go. Without anybody to ask they may not. */
export function agreeToReplace(interactive: boolean, reporter: Reporter): (records: readonly ZoneRecord[], zone: string) => Promise<boolean> {
  return async (records, zone) => {
    if (!interactive) return false;
    reporter.clear();
    reporter.note(say('consent.records', { zone }));
    for (const record of records) reporter.note(`  ${describeRecord(record, zone)}`);
    return askYesNo(say('consent.replace'), false);
  };
}
