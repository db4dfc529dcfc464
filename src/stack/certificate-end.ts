import { connect } from 'node:tls';
import { InfraError } from '../errors.js';
import { say } from './words.js';

/** When the certificate ends that a visitor of `name` is shown there, whether it is valid or not. Throws InfraError when none is shown. */
export async function certificateEnd({ host, port, name, timeoutSeconds = 15 }: { host: string; port: number; name: string; timeoutSeconds?: number }): Promise<Date> {
  return new Promise((resolve, reject) => {
    // Whether it is accepted is for the look at the site to say; here only its dates are read, and nothing is sent.
    const socket = connect({ host, port, servername: name, rejectUnauthorized: false, timeout: timeoutSeconds * 1000 });
    const fail = (why: string) => {
      socket.destroy();
      reject(new InfraError(say('certificate.none', { name, why }), { hints: ['koprogo-infra stack logs traefik'] }));
    };
    socket.once('secureConnect', () => {
      const end = new Date(socket.getPeerCertificate().valid_to);
      if (Number.isNaN(end.getTime())) {
        fail(say('certificate.noDate'));
        return;
      }
      socket.end();
      resolve(end);
    });
    socket.once('timeout', () => {
      fail(say('health.noAnswer', { timeoutSeconds }));
    });
    socket.once('error', (error: Error) => {
      fail(error.message);
    });
  });
}
