import { fileURLToPath } from 'node:url';
import { agentStep } from '../backup/agent-step.js';
import { bucketStep } from '../backup/bucket-step.js';
import { firstBackupStep } from '../backup/first-backup-step.js';
import { restoreTestStep } from '../backup/restore-test.js';
import { namesStep } from '../certificates/names-step.js';
import { certificatesStep } from '../certificates/step.js';
import { audited } from '../keys/audit/audit.js';
import { recoveryCopiesStep } from '../keys/recovery/copies.js';
import { handOutSheets } from '../keys/recovery/sheets.js';
import { exportRecoveryKey, RECOVERY_KEY_DOCUMENT, recoveryKeyStep } from '../keys/recovery/recovery-key.js';
import { hasTerminal } from '../edges/prompts.js';
import { luksStep } from '../luks/step.js';
import { baselineStep } from '../server/baseline.js';
import { dockerStep } from '../server/docker.js';
import { portsStep } from '../server/ports-step.js';
import { serverReadyStep } from '../server/ready.js';
import { STACK_FOLDER } from '../stack/containers.js';
import { STACK_DATABASE } from '../stack/database.js';
import { imagesStep } from '../stack/images-step.js';
import { SECRETS_FOLDER } from '../stack/secrets.js';
import { siteStep } from '../stack/site-step.js';
import { stackStep } from '../stack/step.js';
import type { Progress } from '../progress.js';
import type { Step } from '../step.js';
import { backupPrefix, databaseTarget, storageAccess, withNewestBackup } from './backups.js';
import type { Context } from './context.js';
import { writeKit } from './recovery-kit.js';
import { say } from './run-words.js';

const AGENT_BUNDLE = fileURLToPath(new URL('../agent.mjs', import.meta.url));

/** The set-up, in order. Nothing after the target's own steps knows which target it is. */
export function setupSteps(context: Context, confirmFormat: (disks: string[]) => Promise<void>): Step[] {
  return [...context.target.steps(), ...serverSteps(context, confirmFormat), ...backupSteps(context), ...copiesSteps(context)];
}

function serverSteps(context: Context, confirmFormat: (disks: string[]) => Promise<void>): Step[] {
  const { config, tls, reporter: progress, server, state, target } = context;
  const images = () => target.images();
  const email = config.email === undefined ? {} : { email: config.email };
  const { domain, www } = config;
  const stack = stackStep({ server, state, domain, www, tls, ...email, images, progress });
  return [
    serverReadyStep({ server, progress }),
    baselineStep({ server, progress }),
    luksStep({ server, disks: async () => (await context.machine()).disks, state, progress: unlessInKit(context), unlock: config.unlock, confirmFormat }),
    dockerStep({ server }),
    imagesStep({ server, images, progress }),
    ...(tls === 'none' ? [] : [namesStep({ machine: context.machine, server, domain, www, progress })]),
    stack,
    portsStep({ machine: context.machine, tls: tls !== 'none', progress }),
    ...(tls === 'none' ? [] : [certificatesStep({ machine: context.machine, server, state, domain, www, stack, progress })]),
    siteStep({ machine: context.machine, domain, www, tls, progress }),
  ];
}

/** What a recovery kit will hold is not left on the screen, too. */
function unlessInKit({ config, reporter }: Context): Progress {
  if (config.recovery?.copies !== 'kit') return reporter;
  return {
    note: (text) => { reporter.note(text); },
    warn: (text) => { reporter.warn(text); },
    update: (label, amount) => { reporter.update(label, amount); },
    showOnce: (title) => { reporter.note(say('kit.instead', { what: title.split(/\s*:/)[0] ?? title })); },
  };
}

/** None where it was put off: the summary says so until there is a copy. */
function copiesSteps(context: Context): Step[] {
  const { name, config, reporter: progress, state, audit } = context;
  const { copies, directory } = config.recovery ?? { copies: 'later' };
  if (copies === 'later') return [];
  const makeSheets = (into: string | undefined) => handOutSheets({ state, installation: name, plan: { count: 3, threshold: 2 }, directory: into });
  const step = recoveryCopiesStep({
    state,
    progress,
    wanted: { copies, directory },
    hasTerminal,
    make: async (kind, into) => {
      progress.clear();
      if (kind === 'kit') return writeKit(context, into ?? '');
      return audit ? audited(audit, { operation: 'split', object: { installation: name, kind: 'document', name: RECOVERY_KEY_DOCUMENT } }, () => makeSheets(into)) : makeSheets(into);
    },
  });
  return [step];
}

function backupSteps(context: Context): Step[] {
  const { name, config, reporter: progress, server, state } = context;
  const prefix = backupPrefix(context);
  const access = () => storageAccess(context);
  const publicKey = async () => {
    const { publicKey: armored, fingerprint } = await exportRecoveryKey(state);
    return { armored, fingerprint };
  };
  return [
    bucketStep({ access, prefix, create: true, progress }),
    recoveryKeyStep({ state, installation: name, progress: unlessInKit(context) }),
    agentStep({
      server,
      access,
      publicKey,
      installation: name,
      serverName: config.domain,
      prefix,
      database: STACK_DATABASE,
      configuration: [STACK_FOLDER, SECRETS_FOLDER],
      agentBundle: AGENT_BUNDLE,
    }),
    firstBackupStep({ server, access, publicKey, installation: name, prefix, progress }),
    restoreTestStep({ state, progress, target: () => databaseTarget(context), withNewest: (work) => withNewestBackup(context, work) }),
  ];
}
