import { isString } from "@actions/workflow-parser";
import { StringToken } from "@actions/workflow-parser/templates/tokens/string-token";
import type { TokenRange } from "@actions/workflow-parser/templates/tokens/token-range";
import { YamlObjectReader } from "@actions/workflow-parser/workflows/yaml-object-reader";
import {
  type Document,
  isAlias,
  isCollection,
  isPair,
  isScalar,
  type LineCounter,
  type Scalar,
  visit,
} from "yaml";

/**
 * Reads YAML for the template reader, which would otherwise take the expressions of a block scalar from its source text,
 * with the indentation of the file. A script of Python or a heredoc would get spaces that are not its own.
 */
export class YamlReader extends YamlObjectReader {
  /** What YAML allows and GitHub does not, apart from `errors`, after which nothing can be read. */
  readonly complaints: { message: string; start: TokenRange["start"] }[] = [];
  /** The scalars by `line:column` of their start. */
  private scalars: Map<string, Scalar> | undefined;

  constructor(
    file: number,
    private readonly text: string,
  ) {
    super(file, text);
    if (this.errors.length === 0) this.checkNodes();
  }

  override allowLiteral(): ReturnType<YamlObjectReader["allowLiteral"]> {
    const token = super.allowLiteral();
    if (token === undefined || !isString(token) || token.range?.start.line === token.range?.end.line)
      return token;
    return new StringToken(
      token.file,
      token.range,
      token.value,
      undefined,
      undefined,
      token.blockScalarHeader,
    );
  }

  /** Whether there is nothing but comments. */
  get isEmpty(): boolean {
    return this.document.contents === null;
  }

  get isScalar(): boolean {
    return isScalar(this.document.contents);
  }

  /** Where a character of a scalar's value stands in the file. White space has no place of its own: the next character has. */
  placeIn(range: TokenRange, value: string, offset: number): TokenRange["start"] {
    const scalar = this.scalarAt(range);
    const from = scalar?.range?.[0];
    if (scalar === undefined || from === undefined) return range.start;
    const before = value.slice(0, offset).replace(/\s/g, "").length;
    return this.placeAt(sourceOffset(this.text, contentStart(this.text, from, scalar), scalar, before));
  }

  private scalarAt({ start }: TokenRange): Scalar | undefined {
    if (!this.scalars) {
      const scalars = new Map<string, Scalar>();
      visit(this.document, {
        Scalar: (_, node) => {
          const { line, column } = this.placeAt(node.range?.[0] ?? 0);
          scalars.set(`${line}:${column}`, node);
        },
      });
      this.scalars = scalars;
    }
    return this.scalars.get(`${start.line}:${start.column}`);
  }

  /** Finds what the template reader cannot read, and turns keys such as `1` and `true` into text. */
  private checkNodes(): void {
    visit(this.document, {
      Pair: (_, { key }) => {
        const node = isAlias(key) ? key.resolve(this.document) : key;
        if (!isScalar(node)) return this.fail(key, "A key must be plain text");
        if (typeof node.value !== "string") node.value = node.source ?? String(node.value ?? "");
        return undefined;
      },
      Alias: (_, alias) =>
        alias.resolve(this.document) ? undefined : this.fail(alias, `Unknown anchor '${alias.source}'`),
      Node: (_, node) => {
        const { tag } = node;
        if (tag?.startsWith("!"))
          this.complaints.push({
            message: `Unexpected YAML tag '${tag}'`,
            start: this.startOfTag(node, tag),
          });
        else if (tag !== undefined && !TAGS.has(tag))
          return this.fail(node, `Unexpected YAML tag '!!${tag.split(":").pop()}'`);
        return undefined;
      },
    });
    if (this.errors.length === 0 && expandedSize(this.document) > MAX_NODES)
      this.fail(
        this.document.contents,
        `The file has more than ${MAX_NODES} values with its aliases expanded`,
      );
  }

  private fail(node: unknown, message: string): symbol {
    const start = this.startOf(node);
    this.errors.push({ message, range: { start, end: start } });
    return visit.BREAK;
  }

  private startOfTag(
    node: { range?: [number, number, number] | null | undefined },
    tag: string,
  ): TokenRange["start"] {
    return this.placeAt(Math.max(0, this.text.lastIndexOf(tag, node.range?.[0] ?? 0)));
  }

  private startOf(node: unknown): TokenRange["start"] {
    return this.placeAt((node as { range?: [number, number] | null } | null)?.range?.[0] ?? 0);
  }

  private placeAt(offset: number): TokenRange["start"] {
    const { lineCounter } = this as unknown as { lineCounter: LineCounter };
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  private get document(): Document.Parsed {
    return (this as unknown as { doc: Document.Parsed }).doc;
  }
}

const TAGS = new Set(
  ["str", "int", "float", "bool", "null", "map", "seq"].map((name) => `tag:yaml.org,2002:${name}`),
);

/** Far more than any workflow has, and few enough to read in a moment. */
const MAX_NODES = 500_000;

function expandedSize(document: Document.Parsed): number {
  const sizes = new Map<unknown, number>();
  const sizeOf = (node: unknown): number => {
    if (isAlias(node)) return sizeOf(node.resolve(document));
    if (isPair(node)) return 1 + sizeOf(node.value);
    if (!isCollection(node)) return 1;
    const known = sizes.get(node);
    if (known !== undefined) return known;
    // A value that contains itself is left out where it would repeat.
    sizes.set(node, 1);
    const size = node.items.reduce<number>((sum, item) => sum + sizeOf(item), 1);
    sizes.set(node, size);
    return size;
  };
  return sizeOf(document.contents);
}

function contentStart(text: string, from: number, { type }: Scalar): number {
  if (type === "QUOTE_DOUBLE" || type === "QUOTE_SINGLE") return from + 1;
  if (type !== "BLOCK_LITERAL" && type !== "BLOCK_FOLDED") return from;
  const header = text.indexOf("\n", from);
  return header < 0 ? from : header + 1;
}

/** The source's offset after as many characters of content as were `before`, and the white space behind them. */
function sourceOffset(text: string, from: number, { type }: Scalar, before: number): number {
  let left = before;
  let at = from;
  while (at < text.length) {
    const rest = text.slice(at, at + 2);
    const size = /^\s/.test(rest) ? 0 : lengthOfCharacter(rest, type);
    if (size === 0) at++;
    else if (rest.startsWith("\\") && size > 1 && /^\\[\s0abtnvfreN_LP]/.test(rest)) at += size;
    else if (left === 0) return at;
    else {
      left--;
      at += size;
    }
  }
  return at;
}

function lengthOfCharacter(rest: string, type: Scalar["type"]): number {
  if (type === "QUOTE_SINGLE" && rest === "''") return 2;
  return type === "QUOTE_DOUBLE" && rest.startsWith("\\") ? 2 : 1;
}
