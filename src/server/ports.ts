import { connect } from 'node:net';
import { errorCode } from '../edges/files.js';

/** What a TCP port shows to somebody outside. */
export type PortAnswer =
  /** Something spoke. */
  | 'answers'
  /** The connection was made and stays, without a word. */
  | 'silent'
  /** The connection was made and ended at once: a forwarder in between whose far end is closed. */
  | 'dropped'
  /** Nothing listens. */
  | 'refused'
  /** No reply at all: a firewall. */
  | 'filtered';

/** A port of the server, and where this computer tries it. */
export interface PortToTry {
  port: number;
  host: string;
  at: number;
  expected: 'open' | 'closed';
}

export interface PortReport {
  port: number;
  expected: 'open' | 'closed';
  answer: PortAnswer;
  ok: boolean;
}

export interface VerifyPortsOptions {
  ports: readonly PortToTry[];
  /**
   * A forwarder stands in front of the server (QEMU's user-mode network): it accepts every connection itself, so
   * only a port that answers counts as open. On the server itself, a port that accepts is open.
   */
  forwarder: boolean;
  /** How long to wait for a connection, and again for a word; three times that for a port that should be open. Default 3 s. */
  timeoutSeconds?: number;
}

/** Tries ports from this computer, all at once. `ok` for all when every port is as expected. */
export async function verifyPorts({ ports, forwarder, timeoutSeconds = 3 }: VerifyPortsOptions): Promise<{ ok: boolean; ports: PortReport[] }> {
  const reports = await Promise.all(
    ports.map(async ({ port, host, at, expected }) => {
      const answer = await probePort(host, at, expected === 'open' ? 3 * timeoutSeconds : timeoutSeconds);
      const open = answer === 'answers' || (!forwarder && (answer === 'silent' || answer === 'dropped'));
      return { port, expected, answer, ok: open === (expected === 'open') };
    }),
  );
  return { ok: reports.every((report) => report.ok), ports: reports };
}

/** Makes a connection, listens for a greeting (ssh), then asks as a browser would (a TLS port answers that with an alert). */
export function probePort(host: string, port: number, timeoutSeconds: number): Promise<PortAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let connected = false;
    const finish = (answer: PortAnswer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    let timer = setTimeout(() => {
      finish('filtered');
    }, timeoutSeconds * 1000);
    socket.once('connect', () => {
      connected = true;
      clearTimeout(timer);
      timer = setTimeout(() => {
        socket.write('GET / HTTP/1.0\r\n\r\n');
        timer = setTimeout(() => {
          finish('silent');
        }, timeoutSeconds * 1000);
      }, timeoutSeconds * 500);
    });
    socket.once('data', () => {
      finish('answers');
    });
    socket.once('error', (error) => {
      if (connected) finish('dropped');
      else finish(errorCode(error) === 'ECONNREFUSED' ? 'refused' : 'filtered');
    });
    socket.once('close', () => {
      finish(connected ? 'dropped' : 'filtered');
    });
  });
}
