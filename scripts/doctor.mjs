/** `npm run doctor`: what is there, what is missing, and the one line that installs it. Changes nothing. */
import './node-version.mjs';
import process from 'node:process';
import { hasDependencies } from './dependencies.mjs';
import { describeMachine, installLine, planInstall } from './packages.mjs';
import { EXIT_MISSING, ROOT } from './preflight.mjs';
import { findPrograms } from './programs.mjs';

const PURPOSES = { chromium: 'npm test' };

const programs = await findPrograms('test');
const packagesAreThere = hasDependencies(ROOT);
const rows = [
  { name: 'node', isThere: true, detail: `version ${process.versions.node}` },
  {
    name: 'packages',
    isThere: packagesAreThere,
    detail: packagesAreThere ? 'as in package-lock.json' : 'not installed',
  },
  ...programs,
];
for (const { name, isThere, detail } of rows) {
  const purpose = name in PURPOSES ? 'npm test' : 'npm start, npm test';
  const state = isThere ? 'ok' : 'missing';
  console.log(`${name.padEnd(14)}${state.padEnd(9)}${purpose.padEnd(21)}${detail}`);
}

const missing = programs.filter((program) => !program.isThere);
const lines = [
  ...(packagesAreThere ? [] : ['npm ci']),
  ...(missing.length > 0
    ? [installLine(missing, planInstall(missing, await describeMachine()))]
    : []),
];
if (lines.length > 0) {
  console.log(`\nInstall what is missing with:\n  ${lines.join(' && ')}`);
  process.exitCode = EXIT_MISSING;
}
