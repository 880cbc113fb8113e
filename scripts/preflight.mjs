/**
 * Makes a machine that has only Node and a package manager ready: packages, then programs. Plain Node, no
 * dependencies. As a program: `node scripts/preflight.mjs [run|test]`; exits with 3 when something stays missing.
 */
import './node-version.mjs';
import { resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ensureDependencies } from './dependencies.mjs';
import { describeMachine, install, installLine, planInstall } from './packages.mjs';
import { findPrograms } from './programs.mjs';

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The exit code that means "this machine lacks something". */
export const EXIT_MISSING = 3;

/**
 * Returns when everything is there; ends the process with {@link EXIT_MISSING} and the one line to type when not.
 * @param {'run' | 'test' | 'bench'} purpose
 * @returns {Promise<void>}
 */
export async function preflight(purpose) {
  const isReady = await ensureDependencies(ROOT);
  if (!isReady) {
    console.error('npm ci failed; its message above says why. Then start again.');
    process.exit(EXIT_MISSING);
  }
  const missing = await findMissing(purpose);
  if (missing.length === 0) {
    return;
  }
  const installer = planInstall(missing, await describeMachine());
  const line = installLine(missing, installer);
  if (installer?.isAllowed) {
    await install(installer, ROOT, missing.map((program) => program.name).join(', '));
  }
  const still = installer?.isAllowed ? await findMissing(purpose) : missing;
  if (still.length > 0) {
    for (const program of still) {
      const place = program.path === undefined ? '' : ` (${program.path})`;
      console.error(`${program.name}: ${program.detail}${place}`);
    }
    const inTheWay = still.flatMap((program) => program.path ?? []);
    if (installer?.isAllowed && inTheWay.length > 0) {
      console.error(
        `What was installed is not what runs: ${inTheWay.join(', ')} comes first. Remove it, or change PATH (or FFMPEG).`,
      );
    }
    console.error(`Install what is missing with:\n  ${line}`);
    process.exit(EXIT_MISSING);
  }
}

/** @param {'run' | 'test' | 'bench'} purpose */
async function findMissing(purpose) {
  return (await findPrograms(purpose)).filter((program) => !program.isThere);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await preflight(process.argv[2] === 'test' ? 'test' : 'run');
}
