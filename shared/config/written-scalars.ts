import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  Scalar,
  visit,
  type YAMLMap,
} from "yaml";
import type { z } from "zod";
import type { Issue } from "../issues.ts";
import { changedNumber } from "./json.ts";
import { textPlaces } from "./text-places.ts";

/**
 * Restores in `value`, the parsed document, the characters of every unquoted scalar where the schema expects text: `1.10`
 * does not become 1.1, and `01234` does not become 1234. JSON means the number and not its characters, so in JSON a
 * difference is an issue and the value is left unchanged.
 */
export function putWrittenScalars(
  document: Document.Parsed,
  value: unknown,
  schema: z.ZodType,
  isJson: () => boolean,
): Issue[] {
  const issues: Issue[] = [];
  const nodes = new Nodes(document);
  for (const { holder, key, path, takesValue } of textPlaces(schema, value)) {
    const written = nodes.at(path)?.source;
    if (written === undefined || (takesValue && written === String(holder[key]))) continue;
    if (!isJson()) holder[key] = written;
    else if (takesValue) issues.push({ path, message: changedNumber(written, holder[key]) });
  }
  return issues;
}

/** Finds the nodes of a document by their path in its value. Follows aliases and merged maps. */
class Nodes {
  private readonly byKey = new Map<YAMLMap, Map<string, unknown>>();
  private targets: Map<Alias, Node> | undefined;

  constructor(private readonly document: Document.Parsed) {}

  /** The unquoted scalar at this path, if any. */
  at(path: readonly PropertyKey[]): Scalar | undefined {
    let node = this.resolve(this.document.contents);
    for (const step of path) {
      if (isMap(node)) node = this.resolve(this.keysOf(node).get(String(step)));
      else if (isSeq(node)) node = this.resolve(node.items[Number(step)]);
      else return undefined;
    }
    return isScalar(node) && node.type === Scalar.PLAIN ? node : undefined;
  }

  private keysOf(map: YAMLMap): Map<string, unknown> {
    const known = this.byKey.get(map);
    if (known) return known;
    const nodes = new Map<string, unknown>();
    this.byKey.set(map, nodes);
    for (const { key, value } of map.items) {
      if (!isMergeKey(key)) continue;
      const merged = this.resolve(value);
      for (const from of isSeq(merged) ? merged.items.map((item) => this.resolve(item)) : [merged]) {
        if (!isMap(from)) continue;
        for (const [name, node] of this.keysOf(from)) if (!nodes.has(name)) nodes.set(name, node);
      }
    }
    for (const { key, value } of map.items) if (!isMergeKey(key)) nodes.set(String(key), value);
    return nodes;
  }

  private resolve(node: unknown): unknown {
    return isAlias(node) ? this.targetsOfAliases().get(node) : node;
  }

  /** An anchor may be redefined; an alias means the nearest anchor above it. */
  private targetsOfAliases(): Map<Alias, Node> {
    if (this.targets) return this.targets;
    const anchors = new Map<string, Node>();
    const targets = new Map<Alias, Node>();
    visit(this.document, {
      Node(_, node) {
        if (isAlias(node)) {
          const target = anchors.get(node.source);
          if (target) targets.set(node, target);
        } else if (node.anchor) {
          anchors.set(node.anchor, node);
        }
      },
    });
    this.targets = targets;
    return targets;
  }
}

/** A quoted `<<` is an ordinary key. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === "<<" && (key.type === undefined || key.type === Scalar.PLAIN);
}
