import { z } from 'zod';
import { type Host, script } from '../edges/command.js';
import { InfraError, RefusedError } from '../errors.js';
import { blocked, type Check, done, needed, type Step } from '../step.js';
import { filesThatDiffer, type ManagedFile, readFiles } from './files.js';
import { readTemplate } from './templates.js';
import { apart, together } from './together.js';
import { writeFiles } from './write-files.js';
import { say } from './words.js';

/** On the encrypted volume: container layers, logs and Docker's volumes hold personal data. */
export const DOCKER_DATA_ROOT = '/srv/koprogo/documents/docker';
const DOCUMENTS = '/srv/koprogo/documents';
const OLD_DATA_ROOT = '/var/lib/docker';

const files = (): ManagedFile[] => [
  { path: '/etc/docker/daemon.json', content: readTemplate('docker/daemon.json'), mode: '0644' },
  { path: '/etc/systemd/system/docker.service.d/20-koprogo-firewall.conf', content: readTemplate('docker/docker-firewall.conf'), mode: '0644' },
];

/**
 * "content" counts what an old data-root holds of containers, images and volumes. It is read from the directory, because
 * Docker may be stopped. Docker itself is only asked where it runs: the question would start it, by its socket.
 */
const PROBE = `
root=$1 old=$2
mountpoint -q "$root" && echo "mounted yes"
if [ -d "$old" ]; then
  echo "old yes"
  for kind in "containers:$old/containers" "images:$old/image/overlay2/imagedb/content/sha256" "volumes:$old/volumes" "layers:$old/overlay2"; do
    folder=\${kind#*:}
    [ ! -d "$folder" ] || echo "content \${kind%%:*} $(find "$folder" -mindepth 1 -maxdepth 1 ! -name l ! -name metadata.db ! -name backingFsBlockDev | wc -l)"
  done
fi
systemctl is-enabled --quiet docker.service && echo "enabled yes"
if systemctl is-active --quiet docker.service; then
  echo "info $(docker info --format '{"root":{{json .DockerRootDir}},"driver":{{json .Driver}},"logging":{{json .LoggingDriver}},"live":{{json .LiveRestoreEnabled}},"security":{{json .SecurityOptions}}}')"
fi
true
`;

const infoSchema = z.object({
  root: z.string(),
  driver: z.string(),
  logging: z.string(),
  live: z.boolean(),
  security: z.array(z.string()),
});

interface Findings {
  files: ManagedFile[];
  mounted: boolean;
  old: boolean;
  /** "2 containers" and so on. */
  oldContent: string[];
  enabled: boolean;
  info?: z.infer<typeof infoSchema>;
}

const probe = () => together(say('docker.look'), [readFiles(files()), { ...script(PROBE, DOCUMENTS, OLD_DATA_ROOT), root: true }]);

function read(stdout: string): Findings {
  const [fileText = '', text = ''] = apart(stdout);
  const info = /^info (.*)$/m.exec(text)?.[1];
  return {
    files: filesThatDiffer(files(), fileText),
    mounted: text.includes('mounted yes'),
    old: text.includes('old yes'),
    oldContent: [...text.matchAll(/^content (\w+) (\d+)$/gm)].filter(([, , count]) => Number(count) > 0).map(([, kind = '', count = '']) => amount(kind, count)),
    enabled: text.includes('enabled yes'),
    ...(info === undefined ? {} : { info: parseInfo(info) }),
  };
}

function amount(kind: string, count: string): string {
  switch (kind) {
    case 'containers':
      return say('docker.containers', { count });
    case 'images':
      return say('docker.images', { count });
    case 'volumes':
      return say('docker.volumes', { count });
    default:
      return say('docker.layers', { count });
  }
}

function parseInfo(text: string): z.infer<typeof infoSchema> {
  try {
    return infoSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new InfraError(say('docker.strange'), { hints: [say('docker.info')], cause });
  }
}

function judge(found: Findings): Check {
  if (found.oldContent.length > 0) {
    return blocked(
      say('docker.content', { content: found.oldContent.join(', '), OLD_DATA_ROOT }),
      say('docker.prune'),
      say('docker.move'),
    );
  }
  const { info } = found;
  const changes = [
    ...found.files.map((file) => say('write', { path: file.path })),
    ...(found.old ? [say('docker.removeOld', { OLD_DATA_ROOT })] : []),
    ...(found.enabled ? [] : [say('docker.enable')]),
    ...(info === undefined ? [say('docker.start')] : []),
    ...(info === undefined || info.root === DOCKER_DATA_ROOT ? [] : [say('docker.moveData', { DOCKER_DATA_ROOT })]),
    ...(info === undefined || (info.driver === 'overlay2' && info.logging === 'local' && !info.live && info.security.some((option) => option.includes('no-new-privileges')))
      ? []
      : [say('docker.restart')]),
  ];
  return changes.length === 0 ? done(say('docker.done', { DOCKER_DATA_ROOT })) : needed(...changes);
}

/**
 * Docker with its data on the encrypted volume. Comes after the volumes and the units that keep Docker from starting
 * without them, and refuses to work when the volume is not mounted: Docker would silently fill the directory below.
 */
export function dockerStep({ server }: { server: () => Promise<Host> }): Step {
  const look = async () => read((await (await server()).run(probe())).stdout);
  return {
    id: 'docker',
    title: say('docker.title'),
    onServer: true,
    check: async () => judge(await look()),
    async apply() {
      const host = await server();
      const found = await look();
      if (!found.mounted) {
        throw new RefusedError(say('docker.notMounted', { DOCUMENTS }), { hints: ['koprogo-infra luks unlock'] });
      }
      await host.run({ argv: ['systemctl', 'stop', 'docker.socket', 'docker.service'], root: true, timeout: 180, purpose: say('docker.stop') });
      // Looked at again now that Docker can no longer add anything.
      const stopped = await look();
      const state = judge(stopped);
      if (state.state === 'blocked') throw new RefusedError(state.reason, { hints: state.hints });
      if (stopped.files.length > 0) await host.run(writeFiles(stopped.files));
      await host.run({ ...script(START, OLD_DATA_ROOT, DOCUMENTS), root: true, timeout: 240, purpose: say('docker.start') });
    },
  };
}

const START = `
rm -rf --one-file-system "$1"
mountpoint -q "$2"
systemctl daemon-reload
systemctl enable --quiet docker.service docker.socket
systemctl start docker.socket docker.service
docker info >/dev/null
`;
