/** The version of this package, as `--version` and `ChatServer.Info` tell it. The one place that looks for package.json. */
import { existsSync, readFileSync } from 'node:fs';
import * as v from 'valibot';

const Package = v.object({ version: v.string() });

/** Run from its sources the package file is one folder up, run from `dist/` two. */
function readVersion(): string {
  const file = ['../package.json', '../../package.json'].map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url));
  if (file === undefined) return '0.0.0';
  const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return v.parse(Package, content).version;
}

export const VERSION: string = readVersion();
