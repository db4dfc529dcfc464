import { readFile } from 'node:fs/promises';
import { type Command, type Host, script } from '../edges/command.js';
import { InfraError, messageOf } from '../errors.js';
import { Secret } from '../secret.js';
import { filesThatDiffer, type ManagedFile, readFiles, writeFile } from '../server/files.js';
import { fillTemplate, readTemplate } from '../server/templates.js';
import { apart, together } from '../server/together.js';
import { showUnits, unitsOf } from '../server/units.js';
import { done, needed, type Step } from '../step.js';
import { VERSION } from '../version.js';
import type { StorageAccess } from './access.js';
import { AGENT_DIRECTORY, agentConfigSchema, CONFIG_FILE, DOCUMENTS_MOUNT, type AgentConfig } from './agent-config.js';
import type { DatabaseAccess } from './database.js';
import { BACKUP_SERVICE, BACKUP_TIMER } from './run.js';
import { say } from './words.js';

export interface AgentStepDeps {
  server: () => Promise<Host>;
  access: () => Promise<StorageAccess>;
  /** The recovery key's public half. */
  publicKey: () => Promise<{ armored: string; fingerprint: string }>;
  installation: string;
  /** How the manifest calls the server. */
  serverName: string;
  prefix: string;
  database: DatabaseAccess;
  /** Absolute paths on the server of what the configuration archive holds. They must exist when a backup runs. */
  configuration: readonly string[];
  /** The bundled program on this computer: dist/agent.mjs. */
  agentBundle: string;
}

const USER = 'koprogo-agent';
const PROGRAM = '/usr/local/lib/koprogo/agent.mjs';

/** The owner and mode of the agent's directory, its groups, and whether systemd has read the newest units. */
const PROBE = `
mountpoint -q "$1" && echo "mounted yes"
[ -d "$2" ] && [ ! -L "$2" ] && stat -c 'directory %U %a' "$2"
groups=$(id -nG "$3" 2>/dev/null) && echo "groups $groups"
systemctl show --property=NeedDaemonReload --value -- "$4" "$5" | grep -q yes && echo "reload yes"
true
`;

const PREPARE = `
mountpoint -q "$1" || { echo "$1 is not mounted" >&2; exit 1; }
getent group docker >/dev/null || { echo "there is no group docker: Docker is not installed" >&2; exit 1; }
id "$3" >/dev/null 2>&1 || useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$3"
usermod --append --groups docker "$3"
install -d -m 0700 -o "$3" -g "$3" "$2"
`;

const ACTIVATE = 'systemctl daemon-reload; systemctl enable --quiet -- "$1"; systemctl restart -- "$1"';

const prepare = (): Command => ({ ...script(PREPARE, DOCUMENTS_MOUNT, AGENT_DIRECTORY, USER), root: true, purpose: say('agent.prepare') });
// systemd reads all units anew: on an emulated server under load that took more than a minute.
const activate = (): Command => ({ ...script(ACTIVATE, BACKUP_TIMER), root: true, timeout: 300, purpose: say('agent.activate') });

/** The backup program on the server: one file, its configuration on the encrypted volume, its units, the nightly timer. */
export function agentStep(deps: AgentStepDeps): Step {
  return {
    id: 'agent',
    title: say('agent.title'),
    onServer: true,
    check: async () => {
      const files = await agentFiles(deps);
      const server = await deps.server();
      const { stdout } = await server.run(probe(files));
      const changes = whatDiffers(files, stdout);
      return changes.length === 0 ? done(say('agent.done', { VERSION })) : needed(...changes);
    },
    apply: async () => {
      const files = await agentFiles(deps);
      const server = await deps.server();
      await server.run(prepare());
      const { stdout } = await server.run(readFiles(files));
      for (const file of filesThatDiffer(files, stdout)) await server.run({ ...writeFile(file), timeout: 300 });
      await server.run(activate());
    },
  };
}

/** One command that reads everything that `whatDiffers` compares. */
function probe(files: readonly ManagedFile[]): Command {
  return together(say('agent.look'), [
    readFiles(files),
    showUnits([BACKUP_TIMER]),
    { ...script(PROBE, DOCUMENTS_MOUNT, AGENT_DIRECTORY, USER, BACKUP_SERVICE, BACKUP_TIMER), root: true },
  ]);
}

function whatDiffers(files: readonly ManagedFile[], stdout: string): string[] {
  const [fileText = '', unitText = '', text = ''] = apart(stdout);
  const timer = unitsOf(unitText).get(BACKUP_TIMER);
  const groups = /^groups (.*)$/m.exec(text)?.[1]?.split(' ') ?? [];
  const changes = filesThatDiffer(files, fileText).map((file) => say('agent.write', { path: file.path }));
  if (!text.includes('mounted yes')) changes.push(say('agent.waitMount', { DOCUMENTS_MOUNT }));
  if (!groups.includes('docker')) changes.push(say('agent.user', { USER }));
  if (!text.includes(`directory ${USER} 700`)) changes.push(say('agent.make', { AGENT_DIRECTORY }));
  if (timer?.active !== true || !timer.enabled || text.includes('reload yes')) changes.push(say('agent.switchOn', { BACKUP_TIMER }));
  return changes;
}

async function agentFiles(deps: AgentStepDeps): Promise<ManagedFile[]> {
  const unit = (name: string) => `/etc/systemd/system/${name}`;
  const service = fillTemplate(readTemplate(`systemd/${BACKUP_SERVICE}`), { configuration: deps.configuration.join(' ') });
  return [
    { path: PROGRAM, content: await readBundle(deps.agentBundle), mode: '0644' },
    { path: CONFIG_FILE, content: await renderConfig(deps), mode: '0600', owner: `${USER}:${USER}` },
    { path: unit(BACKUP_SERVICE), content: service, mode: '0644' },
    { path: unit(BACKUP_TIMER), content: readTemplate(`systemd/${BACKUP_TIMER}`), mode: '0644' },
  ];
}

async function readBundle(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new InfraError(say('agent.bundle', { file, why: messageOf(cause) }), { hints: ['npm run build'], cause });
  }
}

/** The same input gives the same text: the check compares hashes. Validated here, because the server would only find out at night. */
async function renderConfig(deps: AgentStepDeps): Promise<Secret> {
  const [access, recoveryKey] = await Promise.all([deps.access(), deps.publicKey()]);
  const { endpoint, region, bucket, encryption } = access.bucket;
  const config: AgentConfig = agentConfigSchema.parse({
    version: 1,
    agentVersion: VERSION,
    installation: deps.installation,
    server: deps.serverName,
    prefix: deps.prefix,
    storage: { bucket: { endpoint, region, bucket, encryption }, accessKeyId: access.accessKeyId, secretAccessKey: access.secretAccessKey },
    recoveryKey: { armored: recoveryKey.armored, fingerprint: recoveryKey.fingerprint },
    database: deps.database,
    configuration: deps.configuration,
  });
  // A Secret turns into "[redacted]" in JSON: here, on its way into the one file that holds it, it is the text that is wanted.
  const storage = { ...config.storage, secretAccessKey: config.storage.secretAccessKey.reveal() };
  return new Secret(`${JSON.stringify({ ...config, storage }, undefined, 2)}\n`);
}
