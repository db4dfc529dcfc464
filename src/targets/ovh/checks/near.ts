/** How many letters must be changed, added, left out or swapped with their neighbour to make one text of the other. */
export function distance(one: string, other: string): number {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const same = one[i - 1] === other[j - 1];
      let best = Math.min((rows[i - 1]?.[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (rows[i - 1]?.[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) best = Math.min(best, (rows[i - 2]?.[j - 2] ?? 0) + 1);
      row.push(best);
    }
    rows.push(row);
  }
  return rows[one.length]?.[other.length] ?? 0;
}

/** The known names that somebody may have meant, the nearest first, at most `count`. Capitals, blanks, dashes and dots do not count. */
export function nearest(typed: string, known: readonly string[], count = 3): string[] {
  const bare = (text: string) => text.toLowerCase().replace(/[\s._-]/g, '');
  const wanted = bare(typed.slice(0, 64));
  return known
    .map((name) => ({ name, steps: distance(wanted, bare(name)), sameWord: wanted.length > 2 && bare(name).replace(/\d+$/, '') === wanted.replace(/\d+$/, '') }))
    .filter(({ name, steps, sameWord }) => sameWord || steps <= Math.max(1, Math.floor(bare(name).length / 4)))
    .sort((one, other) => one.steps - other.steps || one.name.localeCompare(other.name, 'en', { numeric: true }))
    .slice(0, count)
    .map(({ name }) => name);
}
