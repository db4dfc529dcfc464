import { join } from 'node:path';
import { xdg } from '../../edges/files.js';
import type { StateStore } from '../../state/store.js';
import { SpoolFile, renewSpoolKey, spoolKeysIn } from '../../terraform/spool-file.js';
import { layout } from './layout.js';

/** Renews the key of Terraform's spool, where it was made before `since` (ms), and what of it lies on this computer. */
export async function renewSandboxSpool(state: StateStore, name: string, since: number): Promise<void> {
  const { terraformSpool } = layout(join(xdg.data(), 'koprogo-infra', name));
  await renewSpoolKey(state, new SpoolFile(terraformSpool, name, spoolKeysIn(state)), since);
}
