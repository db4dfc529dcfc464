/** What Traefik's log says about Let's Encrypt. */
export interface AcmeLog {
  /** The last lines about certificates that were not had, each once. Printable. */
  failures: string[];
  /** Before then Let's Encrypt takes no further request, by its own word. */
  retryAfter: Date | undefined;
}

const FAILURE = /unable to obtain acme certificate|error renewing (?:acme )?certificate|cannot get acme client|urn:ietf:params:acme:error:/i;
/** "retry after 2026-11-29 10:30:00 UTC", and an older form with T and Z. */
const RETRY_AFTER = /retry after (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d) ?(?:UTC|Z)/gi;
const MOST_FAILURES = 3;
const LONGEST_LINE = 700;

export function readAcmeLog(text: string): AcmeLog {
  const lines = text.split('\n').filter((line) => FAILURE.test(line));
  const times = lines.flatMap((line) => Array.from(line.matchAll(RETRY_AFTER), ([, date, time]) => Date.parse(`${date ?? ''}T${time ?? ''}Z`)).filter(Number.isFinite));
  const said = lines.map((line) => line.replace(/[^\P{C}\t]/gu, '').slice(0, LONGEST_LINE));
  return {
    failures: [...new Map(said.map((line) => [withoutTime(line), line])).values()].slice(-MOST_FAILURES),
    retryAfter: times.length === 0 ? undefined : new Date(Math.max(...times)),
  };
}

/** Traefik repeats itself: what differs in nothing but a time is one line. */
function withoutTime(line: string): string {
  return line.replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?/g, '');
}
