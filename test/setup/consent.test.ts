import { describe, expect, it } from 'vitest';
import { RefusedError } from '../../src/errors.js';
import { confirmOutage } from '../../src/setup/consent.js';
import { failureOf } from '../fixtures/failure.js';
import { RecordingReporter } from '../fixtures/reporter.js';

const reporter = new RecordingReporter();
const server = 'koprogo-tilleuls';

describe('consent to what takes the site down', () => {
  it('is not given to a replacement by --yes, and the refusal says by what it is', async () => {
    const confirm = confirmOutage({ agreed: undefined, interactive: false, asking: false, reporter });
    const failure = await failureOf(confirm({ server, replaced: true }));
    expect(failure).toBeInstanceOf(RefusedError);
    expect(failure).toMatchObject({ hints: ['koprogo-infra setup --yes --confirm-replace koprogo-tilleuls'] });
    await expect(confirm({ server, replaced: false })).resolves.toBeUndefined();
  });

  it('is given by the name of this server, and no other', async () => {
    const confirm = (agreed: string) => confirmOutage({ agreed, interactive: false, asking: false, reporter })({ server, replaced: true });
    await expect(confirm(server)).resolves.toBeUndefined();
    await expect(confirm('koprogo-tilleul')).rejects.toThrow('"koprogo-tilleul" is not koprogo-tilleuls; nothing was changed');
    await expect(confirm('')).rejects.toThrow(RefusedError);
  });
});
