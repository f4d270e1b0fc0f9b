import { join, posix, relative } from "node:path";
import { Project, ts } from "ts-morph";
import { printTable } from "./endpoint-types.ts";
import { importsOf, withJsSpecifiers } from "./module-text.ts";
import { commentOf, TypePrinter } from "./type-printer.ts";

/** Its types are looked up by the id of an endpoint. */
const TABLE = "shared/endpoints/index.ts";
/** Unions of fewer parts are often equal by chance. */
const MIN_PARTS_OF_NAMED_UNION = 3;

/**
 * The declarations of entry points and of everything they name, by path. Types that are inferred from schemas are written
 * out, so that nobody needs the schemas' library to use them. Throws Error if a declaration cannot be written.
 *
 * @param entries paths below `root`, such as `sdk/index.ts`.
 */
export function declarationsOf(root: string, entries: readonly string[]): Map<string, string> {
  return new Declarations(root, entries).all();
}

class Declarations {
  private readonly program: ts.Program;
  private readonly checker: ts.TypeChecker;
  private readonly emitted = new Map<string, string>();
  private readonly printer: TypePrinter;
  /** What is needed of each module, by its path. */
  private readonly needed = new Map<string, Set<string>>();

  constructor(
    private readonly root: string,
    private readonly entries: readonly string[],
  ) {
    const project = new Project({
      tsConfigFilePath: join(root, "tsconfig.json"),
      skipAddingFilesFromTsConfig: true,
      compilerOptions: { noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: "/" },
    });
    project.addSourceFilesAtPaths(entries.map((entry) => join(root, entry)));
    this.program = project.getProgram().compilerObject;
    this.checker = this.program.getTypeChecker();
    this.printer = new TypePrinter(this.checker, this.namesOf(this.reachable()));
  }

  all(): Map<string, string> {
    const texts = new Map<string, string>();
    for (const entry of this.entries) this.need(entry, []);
    // Writing a module may show that more is needed of others, also of those that were written before.
    for (let before = -1; before !== this.size(); ) {
      before = this.size();
      for (const module of [...this.needed.keys()]) texts.set(module, this.write(module));
    }
    return texts;
  }

  private size(): number {
    return [...this.needed.values()].reduce((sum, names) => sum + names.size + 1, 0);
  }

  private need(module: string, names: readonly string[]): void {
    const all = this.needed.get(module) ?? new Set();
    for (const name of names) all.add(name);
    this.needed.set(module, all);
  }

  private write(module: string): string {
    const text = this.emit(module);
    if (isInferred(text)) return this.writeInferred(module);
    for (const { specifier, names } of importsOf(text)) this.need(resolved(module, specifier), names);
    return withJsSpecifiers(text);
  }

  private writeInferred(module: string): string {
    const used = new Map<string, Set<string>>();
    const use = (from: string, name: string) => {
      this.need(from, [name]);
      if (from !== module) used.set(from, (used.get(from) ?? new Set()).add(name));
    };
    const source = this.sourceOf(module);
    const exported = this.checker.getExportsOfModule(
      this.checker.getSymbolAtLocation(source) ?? fail(module),
    );
    const printer = this.printer.with(({ module: from, name }) => {
      use(from, name);
      return name;
    });
    const body = [...(this.needed.get(module) ?? [])].sort().map((name) => {
      const symbol = exported.find((other) => other.name === name) ?? fail(`${name} of ${module}`);
      const origin = this.originOf(symbol);
      if (origin !== module) {
        this.need(origin, [name]);
        return `export type { ${name} } from "${specifierOf(module, origin)}";\n`;
      }
      const table = module === TABLE && printTable(name, this.checker, exported, printer);
      if (table) {
        for (const [from, other] of table.uses) use(from, other);
        return table.text;
      }
      const words = ts.displayPartsToString(symbol.getDocumentationComment(this.checker));
      const type = this.checker.getDeclaredTypeOfSymbol(symbol);
      return `${commentOf(words, "")}export type ${name} = ${printer.print(type, "", true)};\n`;
    });
    const imports = [...used].map(
      ([from, names]) =>
        `import type { ${[...names].sort().join(", ")} } from "${specifierOf(module, from)}";\n`,
    );
    return `${imports.sort().join("")}\n${body.join("\n")}`;
  }

  /** Every module of ours that the declarations of the entries lead to. */
  private reachable(): Set<string> {
    const reached = new Set<string>(this.entries);
    for (const module of reached)
      for (const { specifier } of importsOf(this.emit(module))) reached.add(resolved(module, specifier));
    return reached;
  }

  /** The types of these modules that have a name. A name of the SDK may itself be an entry of the table. */
  private namesOf(modules: ReadonlySet<string>): Map<ts.Type, { module: string; name: string }> {
    const names = new Map<ts.Type, { module: string; name: string }>();
    for (const module of modules) {
      if (!module.startsWith("shared/")) continue;
      const symbol = this.checker.getSymbolAtLocation(this.sourceOf(module));
      for (const exported of symbol ? this.checker.getExportsOfModule(symbol) : []) {
        if (!(exported.flags & ts.SymbolFlags.Type) || this.originOf(exported) !== module) continue;
        const type = this.checker.getDeclaredTypeOfSymbol(exported);
        if (isWorthAName(type) && !names.has(type)) names.set(type, { module, name: exported.name });
      }
    }
    return names;
  }

  /** The module that declares what another may only pass on. */
  private originOf(symbol: ts.Symbol): string {
    const origin = symbol.flags & ts.SymbolFlags.Alias ? this.checker.getAliasedSymbol(symbol) : symbol;
    const path = origin.declarations?.[0]?.getSourceFile().fileName ?? fail(symbol.name);
    return relative(this.root, path);
  }

  private sourceOf(module: string): ts.SourceFile {
    return this.program.getSourceFile(join(this.root, module)) ?? fail(module);
  }

  /** The declarations as the compiler writes them. */
  private emit(module: string): string {
    let text = this.emitted.get(module);
    if (text !== undefined) return text;
    const write: ts.WriteFileCallback = (_, written) => {
      text = written;
    };
    // The last argument is not in the types of the compiler. Without it, every function is checked first.
    const emit = this.program.emit as (...given: unknown[]) => ts.EmitResult;
    const { diagnostics } = emit(this.sourceOf(module), write, undefined, true, undefined, true);
    const [problem] = diagnostics;
    if (problem) throw new Error(`${module}: ${ts.flattenDiagnosticMessageText(problem.messageText, "\n")}`);
    this.emitted.set(module, text ?? fail(module));
    return text ?? fail(module);
  }
}

function fail(what: string): never {
  throw new Error(`there are no declarations of ${what}`);
}

/** Whether the declarations speak of schemas. */
function isInferred(text: string): boolean {
  return /(?:from|import\() ?"zod"/.test(text);
}

function isWorthAName(type: ts.Type): boolean {
  if (!type.isUnion()) return Boolean(type.flags & ts.TypeFlags.Object) && type.getProperties().length > 0;
  if (type.types.every((part) => part.flags & ts.TypeFlags.Object)) return true;
  const isOfWords = type.types.every((part) => part.isStringLiteral());
  const isMixed = type.types.some((part) => part.flags & ts.TypeFlags.Object);
  return (isOfWords || isMixed) && type.types.length >= MIN_PARTS_OF_NAMED_UNION;
}

function resolved(module: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(module), specifier));
}

function specifierOf(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to).replace(/\.ts$/, ".js");
  return path.startsWith(".") ? path : `./${path}`;
}
