import { mkdir, rename, writeFile, chmod } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Host } from '../../edges/command.js';
import { withPrivateDirectory } from '../../edges/files.js';
import { type FirstBoot, metaData, userData } from '../../server/cloud-init.js';
import { say } from './words.js';

/** Writes the NoCloud seed, the small disk from which cloud-init learns who may log in. Mode 0600: the server's private host key is in it. */
export async function writeSeed(path: string, firstBoot: FirstBoot, instanceId: string, host: Host): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await withPrivateDirectory(async (folder) => {
    const files = [join(folder, 'user-data'), join(folder, 'meta-data')] as const;
    await writeFile(files[0], userData(firstBoot).reveal(), { mode: 0o600 });
    await writeFile(files[1], metaData(instanceId), { mode: 0o600 });
    const image = join(folder, 'seed.iso');
    await host.run({ argv: ['genisoimage', '-quiet', '-V', 'cidata', '-r', '-J', '-o', image, ...files], purpose: say('seed.write') });
    await chmod(image, 0o600);
    await host.run({ argv: ['install', '-m', '0600', image, `${path}.new`], purpose: say('seed.write') });
  });
  await rename(`${path}.new`, path);
}
