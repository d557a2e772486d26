/** Lint with types: what the compiler does not see and the house rules of CONTRIBUTING.md that a tool can check. */
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const SOURCES = ['server.ts', 'client.ts', 'commons/**/*.ts', 'server/**/*.ts', 'client/**/*.ts'];

export default defineConfig(
  { ignores: ['build/**', 'dist/**', 'coverage/**', 'data/**'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      // node:test keeps the promises of its own calls.
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'default', 'it', 'describe', 'suite'] }] },
      ],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'never' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/prefer-readonly': 'error',
      // A method of a promise's contract may have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      eqeqeq: 'error',
      'no-empty': 'error',
      'no-fallthrough': 'error',
      'no-unsafe-finally': 'error',
      'no-useless-escape': 'error',
      'no-constant-binary-expression': 'error',
      'no-self-compare': 'error',
      'no-console': 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }],
    },
  },
  { files: SOURCES, rules: { 'max-lines-per-function': ['error', { max: 60, skipComments: true }], 'max-lines': ['error', 300] } },
  // An example bot prints what it got, and takes the server at its word: ten lines validate nothing.
  { files: ['examples/**/*.ts'], rules: { 'no-console': 'off', '@typescript-eslint/no-unsafe-assignment': 'off' } },
  { files: ['**/*.js', '**/*.mjs'], rules: { eqeqeq: 'error', 'no-unused-vars': 'error', 'no-empty': 'error' } },
);
