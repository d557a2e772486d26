/**
 * The product's sources as the compiler reads them: which file imports which, and what is written in them that the
 * house rules forbid. Knows no rule of the layout; `layout.test.ts` has those.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';
import { ROOT } from './root.ts';

/** One import or re-export of a file of ours. */
export interface Import {
  /** From the root, `server/queue.ts`. */
  readonly target: string;
  /** Types only: gone when the program runs. */
  readonly typeOnly: boolean;
}

export interface Source {
  /** From the root, `server/queue.ts`. */
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  /** `line: what`, one for each forbidden construct. */
  readonly forbidden: readonly string[];
}

/** Every source of the product; tests, benchmarks and examples are not part of it. */
export function productSources(): readonly Source[] {
  const inFolders = ['commons', 'server', 'client'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => posix.join(folder, path)),
  );
  const roots = readdirSync(ROOT).filter((name) => name === 'server.ts' || name === 'client.ts');
  return [...roots, ...inFolders]
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readSource(path, readFileSync(join(ROOT, path), 'utf8')));
}

export function readSource(path: string, text: string): Source {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const forbidden: string[] = [];
  const visit = (node: ts.Node): void => {
    const what = forbiddenIn(node);
    if (what !== undefined) forbidden.push(`${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${what}`);
    node.forEachChild(visit);
  };
  visit(file);
  return { path, lines: text.split('\n').length - 1, imports: importsOf(file), forbidden };
}

function importsOf(file: ts.SourceFile): readonly Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (
      (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      add(node.moduleSpecifier.text, isTypeOnly(node));
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier !== undefined && ts.isStringLiteral(specifier)) add(specifier.text, false);
    }
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      add(node.argument.literal.text, true);
    }
    node.forEachChild(visit);
  };
  const add = (specifier: string, typeOnly: boolean): void => {
    if (specifier.startsWith('.')) found.push({ target: posix.join(posix.dirname(file.fileName), specifier), typeOnly });
  };
  visit(file);
  return found;
}

/** `import type {…}`, or braces in which every name is a type. */
function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) {
    const names = node.exportClause;
    return node.isTypeOnly || (names !== undefined && ts.isNamedExports(names) && names.elements.every((name) => name.isTypeOnly));
  }
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const names = clause.namedBindings;
  return clause.name === undefined && names !== undefined && ts.isNamedImports(names) && names.elements.every((name) => name.isTypeOnly);
}

function forbiddenIn(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return 'any';
  if (ts.isNonNullExpression(node)) return '!';
  if (ts.isAsExpression(node) && !ts.isConstTypeReference(node.type)) return 'as';
  if (ts.isTypeAssertionExpression(node)) return '<T>';
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'console') return 'console.';
  if (ts.isCatchClause(node) && node.block.statements.length === 0) return 'empty catch';
  return undefined;
}
