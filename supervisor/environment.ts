/** Environments of processes: each is given only what it needs of ours. */
import type { Environment } from '#common/config';

/** Variables of the system that any program may need. */
const SYSTEM = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL', 'TZ', 'NODE_EXTRA_CA_CERTS'] as const;

/** The named variables of an environment that are set. */
export function pick(env: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value === undefined || value.trim() === '' ? [] : [[name, value]];
    }),
  );
}

/** What programs that are not ours get. */
export const systemEnvironment = (env: Environment): Record<string, string> => pick(env, SYSTEM);
