const tasks: (() => Promise<void>)[] = [];

/** Registers what must be closed before the program ends, however its command ended. */
export function closeAtEnd(close: () => Promise<void>): void {
  tasks.push(close);
}

/** Closes what was opened, the last first. */
export async function closeAll(): Promise<void> {
  for (let close = tasks.pop(); close; close = tasks.pop()) await close();
}
