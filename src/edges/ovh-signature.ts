import { createHash } from 'node:crypto';
import type { Secret } from '../secret.js';

export interface SignedRequest {
  method: string;
  /** Whole, with the query: every byte of it is signed. */
  url: string;
  /** As it is sent; empty for none. */
  body: string;
  /** Seconds since 1970, by the API's clock. */
  timestamp: number;
}

/**
 * The value of X-Ovh-Signature. SHA-1 without HMAC is what OVH prescribes; what protects the secrets on the way is TLS.
 * Vectors: the tests of OVH's own clients for Go and Python.
 */
export function ovhSignature(applicationSecret: Secret, consumerKey: Secret, { method, url, body, timestamp }: SignedRequest): string {
  const text = [applicationSecret.reveal(), consumerKey.reveal(), method, url, body, String(timestamp)].join('+');
  return `$1$${createHash('sha1').update(text, 'utf8').digest('hex')}`;
}
