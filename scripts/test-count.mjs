/** Prints `N passed, N failed` from jest's JSON results; a test file that could not run counts as one failure. */
import { readFileSync } from 'node:fs';
import process from 'node:process';

let passed = 0;
let failed = 1;
try {
  const results = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
  passed = results.numPassedTests;
  failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
} catch {
  console.log('jest left no results');
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
