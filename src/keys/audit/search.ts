import { auditFiles } from './file.js';
import { type AuditHead, decodeLine } from './format.js';
import { openForReading, readLinesBackwards } from './reader.js';

const PASSES = 5;

/**
 * Whether the log has this very line. Reads back from the end until the line is found or passed, so a line near the end
 * costs one read, however long the log is; seals are not checked. Throws InfraError when a file cannot be read.
 */
export async function holdsLine(path: string, wanted: AuditHead): Promise<boolean> {
  for (let pass = 1; ; pass++) {
    const files = auditFiles(path);
    if (await search(files, wanted)) return true;
    // A file that was given its number between two looks was missed.
    if (pass === PASSES || auditFiles(path).length === files.length) return false;
  }
}

async function search(files: readonly string[], { seq, hash }: AuditHead): Promise<boolean> {
  for (const path of files.toReversed()) {
    const file = await openForReading(path);
    if (!file) continue;
    try {
      for await (const bytes of readLinesBackwards(file)) {
        const found = decodeLine(bytes)?.head;
        if (found && found.seq <= seq) return found.seq === seq && found.hash === hash;
      }
    } finally {
      await file.close();
    }
  }
  return false;
}
