import { ts } from "ts-morph";

/** A name under which a type can be imported. */
export interface NamedType {
  /** The module that exports it, relative to the repository: `shared/job.ts`. */
  module: string;
  name: string;
}

const FLAGS = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope;
const PLAIN_NAME = /^[A-Za-z_$][\w$]*$/;

/**
 * Prints types in full, so that their text stands without the schemas that they were inferred from. A type that has a
 * name elsewhere is printed as that name.
 */
export class TypePrinter {
  /** The types that are being printed now. */
  private readonly open = new Set<ts.Type>();

  constructor(
    private readonly checker: ts.TypeChecker,
    private readonly named: ReadonlyMap<ts.Type, NamedType>,
    /** The text by which a type with a name is referred to. */
    private readonly refer: (named: NamedType) => string = ({ name }) => name,
  ) {}

  /** The same, which refers to types in another way. */
  with(refer: (named: NamedType) => string): TypePrinter {
    return new TypePrinter(this.checker, this.named, refer);
  }

  /**
   * The text of a type. `isTop`: in full, even if it has a name. Throws Error for a type that has itself in it and no name.
   */
  print(type: ts.Type, indent = "", isTop = false): string {
    const named = isTop ? undefined : this.named.get(type);
    if (named) return this.refer(named);
    if (this.open.has(type))
      throw new Error(`a type that has itself in it must be exported: ${this.checker.typeToString(type)}`);
    this.open.add(type);
    try {
      return this.printInFull(type, indent);
    } finally {
      this.open.delete(type);
    }
  }

  private printInFull(type: ts.Type, indent: string): string {
    if (type.isUnion()) return this.printUnion(type, indent);
    if (type.isIntersection()) return type.types.map((part) => this.inParentheses(part, indent)).join(" & ");
    if (this.checker.isTupleType(type)) return this.printTuple(type as ts.TypeReference, indent);
    if (this.checker.isArrayType(type)) {
      const [item] = this.checker.getTypeArguments(type as ts.TypeReference);
      return item ? `${this.inParentheses(item, indent)}[]` : "unknown[]";
    }
    if (type.flags & ts.TypeFlags.Object && type.getCallSignatures().length === 0)
      return this.printObject(type, indent);
    return this.checker.typeToString(type, undefined, FLAGS);
  }

  private inParentheses(type: ts.Type, indent: string): string {
    const text = this.print(type, indent);
    const isName = this.named.has(type);
    return !isName && (type.isUnion() || type.isIntersection()) ? `(${text})` : text;
  }

  private printUnion(type: ts.UnionType, indent: string): string {
    const parts = new Set<string>();
    const hasBoth = [true, false].every((value) =>
      type.types.some(
        (part) => part.flags & ts.TypeFlags.BooleanLiteral && this.checker.typeToString(part) === `${value}`,
      ),
    );
    for (const part of type.types) {
      if (hasBoth && part.flags & ts.TypeFlags.BooleanLiteral) parts.add("boolean");
      else parts.add(this.inParentheses(part, indent));
    }
    return [...parts].join(" | ");
  }

  private printTuple(type: ts.TypeReference, indent: string): string {
    const target = type.target as ts.TupleType;
    const items = this.checker.getTypeArguments(type).map((item, i) => {
      const isRest = (target.elementFlags[i] ?? 0) & ts.ElementFlags.Rest;
      return isRest ? `...${this.inParentheses(item, indent)}[]` : this.print(item, indent);
    });
    return `[${items.join(", ")}]`;
  }

  private printObject(type: ts.Type, indent: string): string {
    const inner = `${indent}  `;
    const lines: string[] = [];
    for (const { keyType, type: value, isReadonly } of this.checker.getIndexInfosOfType(type)) {
      const key = this.checker.typeToString(keyType);
      lines.push(`${inner}${isReadonly ? "readonly " : ""}[key: ${key}]: ${this.print(value, inner)};`);
    }
    for (const property of this.checker.getPropertiesOfType(type))
      lines.push(this.printProperty(property, inner));
    return lines.length === 0 ? "{}" : `{\n${lines.join("\n")}\n${indent}}`;
  }

  private printProperty(property: ts.Symbol, indent: string): string {
    const isOptional = Boolean(property.flags & ts.SymbolFlags.Optional);
    const type = this.checker.getTypeOfSymbol(property);
    const name = PLAIN_NAME.test(property.name) ? property.name : JSON.stringify(property.name);
    const shown = isOptional ? this.withoutUndefined(type, indent) : this.print(type, indent);
    const words = ts.displayPartsToString(property.getDocumentationComment(this.checker));
    return `${commentOf(words, indent)}${indent}${name}${isOptional ? "?" : ""}: ${shown};`;
  }

  private withoutUndefined(type: ts.Type, indent: string): string {
    const stripped = this.checker.getNonNullableType(type);
    const isNullable = type.isUnion() && type.types.some((part) => part.flags & ts.TypeFlags.Null);
    return this.print(isNullable ? type : stripped, indent);
  }
}

/** A comment in front of a declaration; empty if there are no words. */
export function commentOf(words: string, indent: string): string {
  if (words === "") return "";
  const lines = words.split("\n");
  if (lines.length === 1) return `${indent}/** ${words} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`).join("\n")}\n${indent} */\n`;
}
