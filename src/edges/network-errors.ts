/** Node's codes for connections that were not made, or broke. */
const NETWORK = new Set(['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'TimeoutError', 'ERR_STREAM_PREMATURE_CLOSE']);
const TLS = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO|HOSTNAME_MISMATCH)/;

/** A connection that was not made, or broke: another try may help. */
export function isNetworkCode(code: string): boolean {
  return NETWORK.has(code);
}

/** The certificate or the TLS handshake was refused: another try does not help. */
export function isTlsCode(code: string): boolean {
  return TLS.test(code);
}
