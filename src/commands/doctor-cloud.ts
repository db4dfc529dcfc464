import { askSecret, hasTerminal } from '../edges/prompts.js';
import { EXIT, type ExitCode, InputError } from '../errors.js';
import { Secret } from '../secret.js';
import type { CheckResult } from '../targets/ovh/checks/check-result.js';
import { checkLogin, checkOpenStack, type ServerPlan } from '../targets/ovh/checks/checks.js';
import { type Credentials, credentialsFrom } from '../targets/ovh/openstack/keystone.js';
import { type OpenRc, type OpenRcKey, readOpenRc } from '../targets/ovh/openrc/openrc.js';
import { inWords, type Said } from '../targets/ovh/words.js';
import { TextReporter } from '../ui/reporter.js';
import { language as spoken, type Language } from '../words.js';
import { type Invocation, textOption } from './invocation.js';
import { print } from './print.js';
import { say } from './words.js';

/** The server that the checks have in mind, where no flavor is named: room for the site and for restore tests beside it. */
const DEFAULT_FLAVOR = 'd2-4';
const VOLUMES_GIB = [20, 20] as const;

const MARKS = {
  en: { ok: 'ok', warning: 'note', failed: 'MISSING' },
  fr: { ok: 'ok', warning: 'note', failed: 'MANQUE' },
} as const satisfies Record<Language, Record<CheckResult['state'], string>>;

/** What nobody can be asked for. */
const NEEDED: Partial<Record<OpenRcKey, string>> = { authUrl: 'OS_AUTH_URL', project: 'OS_PROJECT_ID', username: 'OS_USERNAME' };

/**
 * `doctor --openrc FILE`: looks at an OpenStack project as a set-up would need it, and changes nothing there. Exit code 2
 * when something that is needed is missing.
 */
export async function doctorCloud(invocation: Invocation, openRcFile: string): Promise<ExitCode> {
  const language = spoken();
  const openRc = await readOpenRc(openRcFile);
  const reporter = new TextReporter();
  // That a set-up keeps the password, so that the file may go, is not for a command that keeps nothing.
  for (const warning of openRc.warnings.filter(({ id }) => id !== 'openrc.passwordInside')) reporter.warn(inWords(warning, language));
  const credentials = await credentialsOf(openRc);
  const region = textOption(invocation, 'region') ?? openRc.values.region;
  reporter.update(say('doctor.asking', { host: new URL(credentials.authUrl).host }));
  const results = await look(credentials, region, textOption(invocation, 'flavor') ?? DEFAULT_FLAVOR).finally(() => {
    reporter.clear();
  });
  const findings = results.map((result) => inLanguage(result, language));
  print(invocation, { findings }, () => findings.map((finding) => line(finding, language)).join('\n'));
  return findings.some(({ state }) => state === 'failed') ? EXIT.usage : EXIT.ok;
}

async function look(credentials: Credentials, region: string | undefined, flavor: string): Promise<CheckResult[]> {
  if (region !== undefined) {
    const plan: ServerPlan = { region, serverName: 'koprogo', flavor, image: 'Debian 13', volumes: VOLUMES_GIB, volumeType: 'classic' };
    return checkOpenStack(credentials, plan);
  }
  const { result, cloud } = await checkLogin(credentials);
  if (!cloud) return [result];
  throw new InputError(say('doctor.noRegion'), { hints: [say('doctor.oneOf', { regions: cloud.regions().join(', ') }), 'koprogo-infra doctor --openrc FILE --region NAME'] });
}

async function credentialsOf({ values, missing }: OpenRc): Promise<Credentials> {
  const other = missing.flatMap((key) => NEEDED[key] ?? []);
  if (other.length > 0) throw new InputError(say('doctor.notSet', { names: other.join(', ') }), { hints: [say('doctor.download')] });
  const found = credentialsFrom({ ...values, password: values.password ?? (await passwordOf(values.username ?? '')) });
  if (!found) throw new InputError(say('doctor.notEnough'));
  return found;
}

async function passwordOf(username: string): Promise<Secret> {
  const given = process.env['OS_PASSWORD'];
  if (given !== undefined && given !== '') return new Secret(given);
  if (hasTerminal()) return askSecret(say('doctor.password', { username }));
  throw new InputError(say('doctor.noPassword', { username }), { hints: [say('doctor.setPassword')] });
}

/** A result in words, for a person and for --json. */
interface Finding {
  id: string;
  state: CheckResult['state'];
  what: string;
  cause: string | null;
  fix: string[];
}

function inLanguage({ id, state, what, cause, fix }: CheckResult, language: Language): Finding {
  const words = (said: Said) => inWords(said, language);
  return { id, state, what: words(what), cause: cause ? words(cause) : null, fix: fix.map(words) };
}

function line({ state, what, cause, fix }: Finding, language: Language): string {
  const mark = MARKS[language][state].padEnd(8);
  return [`  ${mark} ${cause === null ? what : say('doctor.line', { what, found: cause })}`, ...fix.map((hint) => `             → ${hint}`)].join('\n');
}
