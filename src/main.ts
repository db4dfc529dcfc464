import { CommanderError } from 'commander';
import { run } from './cli/cli.js';
import { closeAll } from './closing.js';
import { EXIT, type ExitCode, InfraError } from './errors.js';
import { onInterrupt } from './interrupt.js';
import { say } from './program-words.js';
import { chooseLanguage, speak } from './words.js';

onInterrupt((reason) => {
  void report(reason).then((code) => process.exit(code));
});

// The one catch: every error ends here, is printed once and becomes an exit code.
try {
  speak(chooseLanguage(process.argv, process.env));
  process.exitCode = await run(process.argv).finally(closeAll);
} catch (error) {
  process.exitCode = await report(error);
}

async function report(error: unknown): Promise<ExitCode> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const { TextReporter } = await import('./ui/reporter.js');
  if (error instanceof InfraError) {
    const { everythingAbout, explained, isVerbose } = await import('./troubles/explain.js');
    const verbose = isVerbose(process.argv, process.env);
    new TextReporter().failure(explained(error, verbose));
    if (verbose) process.stderr.write(`\n${everythingAbout(error)}\n`);
    return error.exitCode;
  }
  console.error(say('program.bug'), error);
  return EXIT.bug;
}
