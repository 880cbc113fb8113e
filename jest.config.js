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
  testTimeout: 20_000,
  // Pipelines run beside the test files: more processes than cores only make every deadline late.
  maxWorkers: '50%',
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
