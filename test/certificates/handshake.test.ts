import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lookAtCertificate } from '../../src/certificates/handshake.js';
import { type Issuers, makeIssuers, type Shown, showCertificates } from './issuers.js';

const NAME = 'a.example.be';

describe('what a name shows', () => {
  let issuers: Issuers;
  let server: { port: number; stop: () => void };
  let shown: Shown = 'real';
  beforeAll(async () => {
    issuers = makeIssuers([NAME]);
    server = await showCertificates(issuers, () => shown);
  });
  afterAll(() => {
    server.stop();
    issuers.remove();
  });
  const look = (now: Shown, ca: string | undefined = issuers.ca) => {
    shown = now;
    return lookAtCertificate({ host: '127.0.0.1', port: server.port, name: NAME, timeoutSeconds: 5, ...(ca === '' ? {} : { ca }) });
  };

  it('is a certificate that is trusted, with issuer and end', async () => {
    const seen = await look('real');
    expect(seen).toMatchObject({ state: 'trusted', name: NAME, issuer: "Let's Encrypt, R11" });
    expect(seen.state === 'trusted' && Math.round((seen.until.getTime() - Date.now()) / 86_400_000)).toBe(90);
  });

  it('is one of the staging authority', async () => {
    expect(await look('staging')).toMatchObject({ state: 'staging', issuer: "(STAGING) Let's Encrypt, (STAGING) Wannabe Watercress R11" });
  });

  it.each<[string, Shown, RegExp]>([
    ['one that has ended', 'expired', /^the certificate by Let's Encrypt, R11 ended on \d{4}-\d\d-\d\d$/],
    ['one for another name', 'otherName', /^the certificate by Let's Encrypt, R11 is for another name$/],
    ['one of a stranger', 'stranger', /^the certificate by Stranger\[31m, S is not trusted here \([A-Z_]+\)$/],
  ])('is wrong: %s', async (_, now, problem) => {
    expect(await look(now)).toMatchObject({ state: 'wrong', problem: expect.stringMatching(problem) as string });
  });

  it('is judged by this computer’s own authorities where no others are given', async () => {
    expect(await look('real', '')).toMatchObject({ state: 'wrong', problem: expect.stringContaining("Let's Encrypt, R11 is not trusted here") as string });
  });

  it('is nothing: the name is refused, nothing listens, the port speaks no TLS, or is silent', async () => {
    expect(await look('nothing')).toMatchObject({ state: 'none' });
    expect(await lookAtCertificate({ host: '127.0.0.1', port: 1, name: NAME })).toMatchObject({ state: 'none', problem: 'no certificate is shown (ECONNREFUSED)' });
    const plain = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    const deaf = createServer();
    for (const [one, problem] of [[plain, /^no certificate is shown \(/], [deaf, /^no answer within 0\.2 s$/]] as const) {
      await new Promise<void>((resolve) => void one.listen(0, '127.0.0.1', resolve));
      const address = one.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      expect(await lookAtCertificate({ host: '127.0.0.1', port, name: NAME, timeoutSeconds: one === deaf ? 0.2 : 5 })).toMatchObject({ state: 'none', problem: expect.stringMatching(problem) as string });
      one.close();
    }
  });
});
