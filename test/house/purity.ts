import ts from 'typescript';
import type { SourceFile } from './source-files.ts';

/** What brings the machine into code that has to be given everything. */
const GLOBALS = new Set(['process', 'performance', 'fetch', 'console', 'crypto']);
const FUNCTIONS = new Set(['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']);
/** What node:crypto makes out of nothing. */
const RANDOM = /^(random\w*|generate\w*|getRandomValues|webcrypto)$/;

/** Places where a file reads a clock, randomness or the process, as `line: text`. */
export function impurities({ path, text }: SourceFile): string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const own = declaredNames(file);
  const found: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    if (isImpure(node, own)) found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found.map(
    (node) => `${path}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${node.getText()}`,
  );
}

/** Names a file declares or imports anywhere: `process` is also a kind of resource. */
function declaredNames(file: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    const name = (node as { name?: ts.Node }).name;
    const declares =
      ts.isImportSpecifier(node) ||
      ts.isImportClause(node) ||
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isFunctionDeclaration(node);
    if (declares && name !== undefined && ts.isIdentifier(name)) names.add(name.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return names;
}

function isImpure(node: ts.Node, own: ReadonlySet<string>): boolean {
  if (ts.isImportSpecifier(node)) return RANDOM.test((node.propertyName ?? node.name).text);
  if (ts.isNewExpression(node)) {
    return node.expression.getText() === 'Date' && (node.arguments ?? []).length === 0;
  }
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
    const { text } = node.expression;
    return !own.has(text) && (FUNCTIONS.has(text) || text === 'Date');
  }
  if (ts.isPropertyAccessExpression(node)) {
    const whole = node.getText();
    if (whole === 'Date.now' || whole === 'Math.random') return true;
    return (
      ts.isIdentifier(node.expression) && GLOBALS.has(node.expression.text) && !own.has(node.expression.text)
    );
  }
  return false;
}
