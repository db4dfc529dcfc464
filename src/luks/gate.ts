import type { ManagedFile } from '../server/files.js';
import { readTemplate } from '../server/templates.js';
import type { LuksDocument } from './record.js';
import { VOLUME_LIST } from './volumes.js';

/** What must be open and mounted where, for programs on the server that run before or without this one. No secret. */
export const EXPECTED_VOLUMES = '/etc/koprogo/volumes';

const DROP_IN = 'koprogo-volumes.conf';

/** The units that must not start without the volumes. docker.socket needs no gate of its own: all it can do is start docker.service. */
export const GATED_UNITS = ['docker.service', 'containerd.service'] as const;

/** Where the gate of docker.service lies; systemd names it among the drop-ins of that unit when it is in force. */
export const DOCKER_DROP_IN = `/etc/systemd/system/docker.service.d/${DROP_IN}`;

/** The files of the gate. They may be there before Docker is, and should be: then Docker cannot start too early. */
export function gateFiles(document: LuksDocument): ManagedFile[] {
  const rule = template(DROP_IN);
  return [
    { path: EXPECTED_VOLUMES, content: expectedVolumes(document), mode: '0644' },
    { path: '/usr/local/lib/koprogo/check-volumes', content: template('check-volumes'), mode: '0755' },
    ...GATED_UNITS.map((unit) => ({ path: `/etc/systemd/system/${unit}.d/${DROP_IN}`, content: rule, mode: '0644' })),
  ];
}

function expectedVolumes(document: LuksDocument): string {
  const lines = VOLUME_LIST.map((volume) => {
    const { uuid, disk } = document.volumes[volume.key];
    return `${volume.name} ${uuid} ${volume.mountPoint} ${disk}\n`;
  });
  return `# Written by koprogo-infra: volume, LUKS UUID, mount point, disk. Docker's start compares these with the machine.\n${lines.join('')}`;
}

function template(name: string): string {
  return readTemplate(`systemd/docker.service.d/${name}`);
}
