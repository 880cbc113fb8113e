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
  testEnvironment: 'node',
  // Only ends a test that hangs: no test is judged by how fast the machine is.
  testTimeout: 120_000,
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
