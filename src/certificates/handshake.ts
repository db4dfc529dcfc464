import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { errorCode } from '../edges/files.js';
import { messageOf } from '../errors.js';
import { say } from './words.js';

/** What a visitor's browser would be shown for one name. */
export type Seen =
  | { state: 'trusted'; name: string; issuer: string; until: Date }
  /** Of Let's Encrypt's staging authority, for this name, in time. Only its own word for it, which is enough for a rehearsal. */
  | { state: 'staging'; name: string; issuer: string; until: Date }
  | { state: 'wrong'; name: string; problem: string }
  | { state: 'none'; name: string; problem: string };

export interface Look {
  /** Where the server answers from this computer: the names need not be in DNS here. */
  host: string;
  port: number;
  name: string;
  timeoutSeconds?: number;
  /** Authorities to trust instead of this computer's, in PEM. */
  ca?: string;
}

/** Makes one TLS connection for a name and looks at the certificate. Never throws for what a server does. */
export function lookAtCertificate({ host, port, name, timeoutSeconds = 15, ca }: Look): Promise<Seen> {
  return new Promise((resolve) => {
    // Refused certificates are to be looked at, too; nothing is sent over this connection.
    const socket = connect({ host, port, servername: name, rejectUnauthorized: false, ...(ca === undefined ? {} : { ca }) });
    const finish = (seen: Seen): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(seen);
    };
    const timer = setTimeout(() => {
      finish({ state: 'none', name, problem: say('seen.noAnswer', { timeoutSeconds }) });
    }, timeoutSeconds * 1000);
    socket.once('secureConnect', () => {
      finish(judge(name, socket));
    });
    socket.once('error', (error) => {
      finish({ state: 'none', name, problem: say('seen.refused', { why: shown(errorCode(error) ?? messageOf(error)) }) });
    });
    socket.once('close', () => {
      finish({ state: 'none', name, problem: say('seen.closed') });
    });
  });
}

function judge(name: string, socket: TLSSocket): Seen {
  const certificate = socket.getPeerCertificate();
  const until = new Date(certificate.valid_to);
  const issuer = issuerOf(certificate);
  if (Number.isNaN(until.getTime())) return { state: 'wrong', name, problem: say('seen.strange') };
  if (socket.authorized) return { state: 'trusted', name, issuer, until };
  if (until.getTime() <= Date.now()) return { state: 'wrong', name, problem: say('seen.expired', { issuer, until: day(until) }) };
  // Node looks at the name only where it trusts the authority.
  if (checkServerIdentity(name, certificate)) return { state: 'wrong', name, problem: say('seen.otherName', { issuer }) };
  if (isOfStaging(certificate)) return { state: 'staging', name, issuer, until };
  // An Error by its type, the code of one in fact.
  return { state: 'wrong', name, problem: say('seen.untrusted', { issuer, why: shown(String(socket.authorizationError)) }) };
}

function isOfStaging({ issuer }: PeerCertificate): boolean {
  return [issuer.O, issuer.CN].flat().some((text) => text?.startsWith('(STAGING)') === true);
}

function issuerOf({ issuer }: PeerCertificate): string {
  const parts = [issuer.O, issuer.CN].flat().filter((text) => text !== undefined);
  return shown([...new Set(parts)].join(', ')) || say('seen.nobody');
}

/** Certificates and alerts come from outside. */
function shown(text: string): string {
  return text.replace(/\p{C}/gu, '').slice(0, 120);
}

/** Traefik renews 30 days before the end: a certificate with less than this left is not being renewed. */
const LEAST_DAYS_LEFT = 7;
const DAY_MS = 24 * 3600 * 1000;

/** Visitors' browsers take it, and will for some days. */
export function isGood(seen: Seen): boolean {
  return seen.state === 'trusted' && seen.until.getTime() - Date.now() > LEAST_DAYS_LEFT * DAY_MS;
}

/** "2027-02-27". */
export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** What is wrong with it; of a trusted one, when it ends. */
export function describeSeen(seen: Seen): string {
  if (seen.state === 'trusted') return say('seen.ends', { issuer: seen.issuer, until: day(seen.until) });
  return seen.state === 'staging' ? say('seen.staging') : seen.problem;
}
