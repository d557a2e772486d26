/** Where the project is, whether a test runs as it is written or compiled (`tools/test.mjs`). */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function rootAbove(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootAbove(dirname(folder));
}

export const ROOT = rootAbove(import.meta.dirname);
