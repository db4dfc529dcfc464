import { type ExitCode, InfraError } from '../errors.js';
import { exitCodeOf, type PostureFacts, type SecurityLine, securityPosture, type SecurityReport } from '../keys/hardening/posture.js';
import type { Store } from '../state/installations.js';
import type { Reporter } from '../ui/reporter.js';
import { spokenIn } from '../words.js';
import { flag, type Invocation } from './invocation.js';
import { theStore } from './open.js';
import { print } from './print.js';
import { securityFacts } from './security-facts.js';
import { reportText, shortText } from './security-text.js';
import { say } from './store-words.js';

/** What was asked for beside what was found; for programs always in English. Exit code "degraded" when something is weaker than was asked for. */
export async function securityReport(invocation: Invocation): Promise<ExitCode> {
  const store = await theStore();
  const report = async () => reportOn(invocation, await securityFacts(store, { glance: false }));
  return flag(invocation, 'json') ? spokenIn('en', report) : report();
}

export function reportOn(invocation: Invocation, facts: PostureFacts): ExitCode {
  const report = securityPosture(facts);
  print(invocation, report, () => reportText(report));
  return exitCodeOf(report);
}

/** The report in short, for the result of another command. */
export interface SecurityGlance {
  overall: SecurityReport['overall'] | 'unknown';
  /** What is weaker than was asked for; for programs, so always in English. */
  weaker: SecurityLine[];
}

/**
 * Tells in a few lines how well the state and its keys are protected. What is weaker than was asked for is a warning
 * here and stops nothing. Throws InputError for wrong settings, and as `theStore` does.
 */
export async function glanceAtSecurity(reporter: Reporter): Promise<SecurityGlance> {
  const store = await theStore();
  let report: SecurityReport;
  try {
    report = securityPosture(await securityFacts(store, { glance: true }));
  } catch (error) {
    if (!(error instanceof InfraError)) throw error;
    reporter.warn(say('security.unknown', { why: error.message }));
    return { overall: 'unknown', weaker: [] };
  }
  const { summary, weaker } = shortText(report);
  if (report.overall === 'ok') reporter.note(summary);
  else reporter.warn(summary);
  for (const line of weaker) reporter.note(line);
  return { overall: report.overall, weaker: report.overall === 'ok' ? [] : await weakerInEnglish(store) };
}

async function weakerInEnglish(store: Store): Promise<SecurityLine[]> {
  const { lines } = await spokenIn('en', async () => securityPosture(await securityFacts(store, { glance: true })));
  return lines.filter(({ ok }) => !ok);
}
