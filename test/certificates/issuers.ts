import { readFileSync } from 'node:fs';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { createSecureContext, type SecureContext } from 'node:tls';
import { makeCertificate } from '../fixtures/tls.js';

/** What one name shows: nothing, a certificate of the staging authority, of the real one, or one with something wrong. */
export type Shown = 'nothing' | 'staging' | 'real' | 'ending' | 'expired' | 'otherName' | 'stranger';

const STAGING = "/C=US/O=(STAGING) Let's Encrypt/CN=(STAGING) Wannabe Watercress R11";
const REAL = "/C=US/O=Let's Encrypt/CN=R11";

export interface Issuers {
  /** In the place of the authorities that this computer trusts. */
  ca: string;
  contexts: ReadonlyMap<Shown, SecureContext>;
  remove(): void;
}

/** Authorities with the names that Let's Encrypt's have. The trusted ones all count as one. */
export function makeIssuers(names: readonly string[]): Issuers {
  const alternative = names.map((name) => `DNS:${name}`);
  const made = {
    staging: makeCertificate(alternative, { subject: STAGING, days: 90 }),
    real: makeCertificate(alternative, { subject: REAL, days: 90 }),
    ending: makeCertificate(alternative, { subject: REAL, days: 6 }),
    expired: makeCertificate(alternative, { subject: REAL, days: -1 }),
    otherName: makeCertificate(['DNS:other.example.org'], { subject: REAL, days: 90 }),
    stranger: makeCertificate(alternative, { subject: '/O=Stranger\u001b[31m/CN=S', days: 90 }),
  };
  const trusted = [made.real, made.ending, made.expired, made.otherName];
  return {
    ca: trusted.map(({ authority }) => readFileSync(authority, 'utf8')).join(''),
    contexts: new Map(Object.entries(made).map(([name, { certificate, key }]) => [name as Shown, createSecureContext({ cert: readFileSync(certificate), key: readFileSync(key) })])),
    remove: () => {
      for (const one of Object.values(made)) one.remove();
    },
  };
}

/** A TLS server that shows each name what `shown` says at the moment; an unknown name is refused, as Traefik does it. */
export async function showCertificates(issuers: Issuers, shown: (name: string) => Shown): Promise<{ port: number; stop: () => void }> {
  const sockets = new Set<TLSSocket>();
  const server: Server = createServer({
    SNICallback: (name, answer) => {
      const context = issuers.contexts.get(shown(name));
      if (context) answer(null, context);
      else answer(new Error('no certificate for this name'));
    },
  });
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
