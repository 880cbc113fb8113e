import vm from 'node:vm';

if (typeof vm.SourceTextModule !== 'function') {
  throw new Error(
    'the tests are ES modules: run them with `npm test`, or set NODE_OPTIONS=--experimental-vm-modules',
  );
}

/** @type {import('jest').Config} */
export default {
  rootDir: import.meta.dirname,
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  // Deadlines only end a test that hangs: there each is longer by one factor.
  testEnvironment: '<rootDir>/scripts/jest/environment.mjs',
  testTimeout: 40_000,
  // What needs no real time runs side by side; what needs it takes turns afterwards.
  runner: '<rootDir>/scripts/jest/runner.mjs',
  maxWorkers: '100%',
  reporters: ['default', '<rootDir>/scripts/jest/want-reporter.mjs'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
};
