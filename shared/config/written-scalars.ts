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
 * Puts into `value`, which the document was read as, the characters of every unquoted scalar that stands where the schema
 * takes a text: `1.10` is no 1.1 there, and `01234` no 1234. JSON means the number and not its characters, so where the
 * two differ there, that is an issue and nothing is put.
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

/** Finds the nodes of a document by what they are called in its value. Aliases and merged maps are looked through. */
class Nodes {
  private readonly byKey = new Map<YAMLMap, Map<string, unknown>>();
  private targets: Map<Alias, Node> | undefined;

  constructor(private readonly document: Document.Parsed) {}

  /** The unquoted scalar at this place, if there is one. */
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

  /** An anchor may be set again; an alias means the nearest one above it. */
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

/** In quotes it is a key like any other. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === "<<" && (key.type === undefined || key.type === Scalar.PLAIN);
}
