/** What the command line said. Options are commander's, by camel-cased name; each command validates its own. */
export interface Invocation {
  arguments: readonly string[];
  options: Readonly<Record<string, unknown>>;
}

export function textOption({ options }: Invocation, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

export function flag({ options }: Invocation, name: string): boolean {
  return options[name] === true;
}

export function listOption({ options }: Invocation, name: string): string[] {
  const value = options[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
