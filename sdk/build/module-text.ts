import { ts } from "ts-morph";

/** What a module takes from another one of ours. */
export interface Imported {
  /** As it is written: `./client.ts`. */
  specifier: string;
  names: string[];
}

/** What a module takes from other modules, those of packages left out. Throws Error for forms that declarations need not have. */
export function importsOf(text: string): Imported[] {
  const found: Imported[] = [];
  const add = (specifier: string, names: string[]) => {
    if (specifier.startsWith(".")) found.push({ specifier, names });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      const { literal } = node.argument;
      if (ts.isStringLiteral(literal)) add(literal.text, node.qualifier ? [node.qualifier.getText()] : []);
    }
    ts.forEachChild(node, visit);
  };
  const source = ts.createSourceFile("module.d.ts", text, ts.ScriptTarget.ESNext, true);
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement) && ts.isStringLiteral(statement.moduleSpecifier)) {
      const bindings = statement.importClause?.namedBindings;
      const elements = bindings && ts.isNamedImports(bindings) ? bindings.elements : [];
      add(statement.moduleSpecifier.text, elements.map(nameOf));
    } else if (ts.isExportDeclaration(statement) && statement.moduleSpecifier) {
      const { exportClause, moduleSpecifier } = statement;
      const elements = exportClause && ts.isNamedExports(exportClause) ? exportClause.elements : [];
      if (ts.isStringLiteral(moduleSpecifier)) add(moduleSpecifier.text, elements.map(nameOf));
    } else visit(statement);
  }
  return found;
}

function nameOf({ propertyName, name }: ts.ImportSpecifier | ts.ExportSpecifier): string {
  return (propertyName ?? name).text;
}

/** The same text, which names modules as they will be when they are compiled. */
export function withJsSpecifiers(text: string): string {
  return text.replace(/((?:from|import\() ?"\.[^"]*)\.ts"/g, '$1.js"');
}
