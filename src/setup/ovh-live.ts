import { OvhApi } from '../edges/ovh-api.js';
import { bucketRights, OVH_ENDPOINTS, type OvhRight, tokenLink, zoneRights } from '../edges/ovh-rights.js';
import { InfraError } from '../errors.js';
import { Secret } from '../secret.js';
import { checkClock, checkRoles } from '../targets/ovh/checks/checks-user.js';
import { checkRegion } from '../targets/ovh/checks/checks-region.js';
import { checkLogin } from '../targets/ovh/checks/checks.js';
import type { CheckResult } from '../targets/ovh/checks/check-result.js';
import { fitFlavors, regionChoices } from '../targets/ovh/checks/pick.js';
import { type Domain, isManagerAccount, type OpenRcValues, readOpenRc } from '../targets/ovh/openrc/openrc.js';
import type { OpenStack } from '../targets/ovh/openstack/openstack-client.js';
import type { Timing } from '../targets/ovh/openstack/openstack-http.js';
import { listFor, perMonth, type PriceList, priceList } from '../targets/ovh/prices.js';
import { inWords, type Said } from '../targets/ovh/words.js';
import { language, type Text } from '../words.js';
import type { Live } from './live.js';
import type { Answers, Choice } from './question.js';
import { type QuestionKey, SCHEMAS } from './schemas.js';
import { say } from './words.js';

const told = (said: Said): string => inWords(said, language());

/** Asks OpenStack and OVH while the questions about them are answered. `warn` hears what is odd about an OpenRC file. */
export function ovhLive(warn: (text: string) => void, timing: Timing = {}, endpoints: Readonly<Record<string, { name: string; url: string; tokenPage: string }>> = OVH_ENDPOINTS, pricesAt: (authUrl: string) => string | undefined = listFor): Live {
  let known: { key: string; cloud: OpenStack } | undefined;

  /** The login that these answers make, tried once for the same answers. */
  async function login(answers: Answers): Promise<{ cloud?: OpenStack; result?: CheckResult }> {
    const key = JSON.stringify([answers['ovh.authUrl'], answers['ovh.project'], answers['ovh.username'], answers['ovh.userDomain'], answers['ovh.password']]);
    if (known?.key === key) return { cloud: known.cloud };
    const credentials = credentialsOf(answers);
    if (!credentials) return {};
    const { result, cloud } = await checkLogin(credentials, timing);
    if (cloud) known = { key, cloud };
    return cloud ? { cloud, result } : { result };
  }

  async function loginProblem(answers: Answers): Promise<string | undefined> {
    const { cloud, result } = await login(answers);
    if (!cloud) return result && problemOf(result);
    const { roles, clockAhead } = cloud.session;
    return [checkRoles(roles), checkClock(clockAhead)].map(problemOf).find((problem) => problem !== undefined);
  }

  async function tokenProblem(answers: Answers): Promise<string | undefined> {
    const [applicationKey, secret, consumer] = ['ovhApi.applicationKey', 'ovhApi.applicationSecret', 'ovhApi.consumerKey'].map((key) => answers[key]);
    const endpoint = endpoints[answers['ovhApi.endpoint'] ?? ''];
    if (!endpoint || applicationKey === undefined || secret === undefined || consumer === undefined) return undefined;
    const api = new OvhApi({ endpoint, credentials: { applicationKey, applicationSecret: new Secret(secret), consumerKey: new Secret(consumer) }, rights: rightsFor(answers) });
    try {
      const { missing } = await api.token();
      if (missing.length === 0) return undefined;
      return say('live.rights', { rights: missing.map(({ method, path }) => `${method} ${path}`).join(', '), link: tokenLink(endpoint, rightsFor(answers)) });
    } catch (error) {
      if (error instanceof InfraError) return [error.message, ...error.hints].join('\n  → ');
      throw error;
    }
  }

  async function pricesFor(answers: Answers): Promise<PriceList | undefined> {
    const url = pricesAt(answers['ovh.authUrl'] ?? '');
    return url === undefined ? undefined : priceList(url);
  }

  return {
    async implied(key, text) {
      if (key !== 'ovh.openrc') return {};
      const { values, warnings } = await readOpenRc(text);
      for (const warning of warnings) warn(told(warning));
      return answersFrom(values);
    },

    async problem(key, answers) {
      if (key === 'ovh.password') return loginProblem(answers);
      if (key === 'ovhApi.consumerKey') return tokenProblem(answers);
      if (key !== 'ovh.region') return undefined;
      const { cloud } = await login(answers);
      return cloud && problemOf(checkRegion(cloud.catalog, answers[key] ?? ''));
    },

    async choices(key, answers) {
      if (key !== 'ovh.region' && key !== 'ovh.flavor' && key !== 'ovh.volumeType') return undefined;
      const { cloud } = await login(answers);
      if (!cloud) return undefined;
      if (key === 'ovh.region') return regionChoices(cloud.regions()).map(named);
      try {
        const region = cloud.at(answers['ovh.region'] ?? '');
        const prices = await pricesFor(answers);
        const found =
          key === 'ovh.flavor'
            ? fitFlavors(await region.flavors()).map((flavor) => priced(flavorChoice(flavor), prices, prices?.flavor(flavor.name, region.name)))
            : (await region.volumeTypes()).map((type) => priced(named(type), prices, prices?.gigabyte(type, region.name), PER_GB));
        return found.length === 0 ? undefined : found;
      } catch (error) {
        // The live checks before Terraform say what is wrong; here the name can still be typed.
        if (error instanceof InfraError) return undefined;
        throw error;
      }
    },

    explain(key, answers) {
      const endpoint = endpoints[answers['ovhApi.endpoint'] ?? ''];
      if (key !== 'ovhApi.applicationKey' || !endpoint) return undefined;
      const link = tokenLink(endpoint, rightsFor(answers));
      return { en: `Make a token on this page, where the rights that are needed are filled in already, and leave them as they are:\n${link}`, fr: `Créez un jeton sur cette page, où les droits nécessaires sont déjà remplis, et laissez-les ainsi :\n${link}` };
    },
  };
}

/** What the file says and what can be right; the rest is asked for. */
function answersFrom({ authUrl, projectId, projectName, projectDomain, username, userDomain, password, region }: OpenRcValues): Answers {
  const found: Partial<Record<QuestionKey, string | undefined>> = {
    'ovh.authUrl': authUrl,
    'ovh.project': projectId ?? (projectName === undefined ? undefined : `name:${projectName}@${domainText(projectDomain)}`),
    'ovh.username': username !== undefined && isManagerAccount(username) ? undefined : username,
    'ovh.userDomain': domainText(userDomain),
    'ovh.password': password?.reveal(),
    'ovh.region': region,
  };
  return Object.fromEntries(Object.entries(found).flatMap(([key, text]) => (text !== undefined && SCHEMAS[key as QuestionKey].safeParse(text).success ? [[key, text]] : [])));
}

const domainText = (domain: Domain): string => ('id' in domain ? `id:${domain.id}` : domain.name);

function credentialsOf(answers: Answers) {
  const [authUrl, project, username, password] = ['ovh.authUrl', 'ovh.project', 'ovh.username', 'ovh.password'].map((key) => answers[key]);
  if (authUrl === undefined || project === undefined || username === undefined || password === undefined) return undefined;
  return { authUrl: SCHEMAS['ovh.authUrl'].parse(authUrl), project: SCHEMAS['ovh.project'].parse(project), username, userDomain: SCHEMAS['ovh.userDomain'].parse(answers['ovh.userDomain'] ?? 'Default'), password: new Secret(password) };
}

/** The narrowest rights with which DNS and bucket can be made. */
function rightsFor(answers: Answers): OvhRight[] {
  const zone = answers['ovh.dns'] === 'ovh' ? zoneRights() : [];
  const bucket = answers['ovh.backups'] === 'ovh' ? bucketRights(answers['ovh.project'] ?? '', answers['ovhBucket.region'] ?? '') : [];
  return [...zone, ...bucket];
}

function problemOf({ state, what, cause, fix }: CheckResult): string | undefined {
  if (state !== 'failed') return undefined;
  return [cause ? say('live.because', { what: told(what), cause: told(cause) }) : told(what), ...fix.map(told)].join('\n  → ');
}

const named = (name: string): Choice => ({ value: name, name: { en: name, fr: name } });

const PER_GB = { en: ' for each GB', fr: ' par Go' } satisfies Text;

/** The choice with its price in a month; as it is where the price list does not say. */
function priced({ value, name }: Choice, prices: PriceList | undefined, amount: number | undefined, each: Text = { en: '', fr: '' }): Choice {
  if (!prices || amount === undefined) return { value, name };
  const { currency } = prices;
  return { value, name: { en: `${name.en}, about ${perMonth(amount, currency, 'en')} a month${each.en} without VAT`, fr: `${name.fr}, environ ${perMonth(amount, currency, 'fr')} par mois${each.fr} hors TVA` } };
}

function flavorChoice({ name, memory, vcpus, disk, recommended }: { name: string; memory: number; vcpus: number; disk: number; recommended: boolean }): Choice {
  const sizes = { en: `${name}: ${gigabytes(memory, 'en')} GB of memory, ${vcpus} ${vcpus === 1 ? 'processor' : 'processors'}, ${disk} GB for the system`, fr: `${name} : ${gigabytes(memory, 'fr')} Go de mémoire, ${vcpus} ${vcpus === 1 ? 'processeur' : 'processeurs'}, ${disk} Go pour le système` } satisfies Text;
  return { value: name, name: recommended ? sizes : { en: `${sizes.en} (little)`, fr: `${sizes.fr} (peu)` } };
}

/** The API counts in MiB. */
function gigabytes(mebibytes: number, into: 'en' | 'fr'): string {
  return new Intl.NumberFormat(into, { maximumFractionDigits: 1 }).format(mebibytes / 1000);
}
