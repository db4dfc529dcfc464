/** The registries of the stack's images, by the address at which the distribution protocol says hello. */
const REGISTRIES: readonly string[] = ['https://registry-1.docker.io/v2/', 'https://ghcr.io/v2/'];
const SECONDS = 5;

/** Whether all the registries that the stack needs answer, as registries, within a few seconds. */
export async function registriesAnswer(addresses: readonly string[] = REGISTRIES): Promise<boolean> {
  const answers = await Promise.all(addresses.map(answersAsRegistry));
  return answers.every(Boolean);
}

/** 200, or 401 with a challenge: anything else may be a proxy's page. */
async function answersAsRegistry(address: string): Promise<boolean> {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(SECONDS * 1000), redirect: 'error' });
    await response.body?.cancel();
    return response.status === 200 || (response.status === 401 && response.headers.has('www-authenticate'));
  } catch {
    return false;
  }
}
