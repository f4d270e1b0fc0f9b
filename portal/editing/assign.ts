import { type Document, isMap, isScalar, isSeq, Pair, Scalar, type YAMLMap, type YAMLSeq } from "yaml";

/**
 * The node with another value: the same node where that is possible, so that comments and the way things are written stay.
 */
export function assign(document: Document, node: unknown, value: unknown): unknown {
  if (isScalar(node) && (typeof value !== "object" || value === null)) return assignScalar(node, value);
  if (isMap(node) && typeof value === "object" && value !== null && !Array.isArray(value)) {
    const isMerged = node.items.some(({ key }) => String(key) === "<<");
    if (!isMerged) return assignMap(document, node, value as Record<string, unknown>);
  }
  if (isSeq(node) && Array.isArray(value)) return assignList(document, node, value);
  return newNode(document, value);
}

/** A text over several lines becomes a block, also inside lists and maps. */
export function newNode(document: Document, value: unknown): unknown {
  const node = document.createNode(value);
  if (isScalar(node) && isLong(value)) node.type = Scalar.BLOCK_LITERAL;
  return node;
}

function assignScalar(node: Scalar, value: unknown): Scalar {
  // `1.10` was read as its characters, and is one of them still.
  if (node.type === Scalar.PLAIN && node.source === value) return node;
  const isBlock = node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED;
  if (isLong(value)) node.type = Scalar.BLOCK_LITERAL;
  else if (isBlock || node.value === "" || typeof value !== "string") node.type = Scalar.PLAIN;
  node.value = value;
  delete node.source;
  return node;
}

function isLong(value: unknown): boolean {
  return typeof value === "string" && value.includes("\n");
}

/** The entries come in the order of the value. An entry whose name is new takes the place, and the comments, of one that is gone. */
function assignMap(document: Document, map: YAMLMap, value: Record<string, unknown>): YAMLMap {
  const before = [...map.items];
  const byName = new Map(before.map((pair) => [String(pair.key), pair]));
  map.items = Object.entries(value).map(([name, one], i) => {
    const same = byName.get(name);
    const gone = before[i];
    const isRenamed = same === undefined && gone !== undefined && !Object.hasOwn(value, String(gone.key));
    const pair = same ?? (isRenamed ? gone : new Pair(document.createNode(name), newNode(document, one)));
    if (isRenamed) {
      if (isScalar(pair.key)) assignScalar(pair.key, name);
      else pair.key = document.createNode(name);
    }
    pair.value = assign(document, pair.value, one);
    return pair;
  }) as typeof map.items;
  return map;
}

/** What is the same at the beginning and at the end stays; what is between is changed in place, or made again. */
function assignList(document: Document, list: YAMLSeq, value: readonly unknown[]): YAMLSeq {
  const before = list.items;
  const held: unknown[] = before.map((node) => textOf(document, node));
  const wanted = value.map((one) => JSON.stringify(one));
  const shorter = Math.min(held.length, wanted.length);
  let start = 0;
  while (start < shorter && held[start] === wanted[start]) start++;
  let end = 0;
  while (end < shorter - start && held[held.length - 1 - end] === wanted[wanted.length - 1 - end]) end++;
  const middle = before.slice(start, before.length - end);
  const isInPlace = middle.length === wanted.length - start - end;
  const changed = value
    .slice(start, value.length - end)
    .map((one, i) => (isInPlace ? assign(document, middle[i], one) : newNode(document, one)));
  list.items = [...before.slice(0, start), ...changed, ...before.slice(before.length - end)];
  return list;
}

function textOf(document: Document, node: unknown): string {
  if (
    isScalar(node) &&
    node.type === Scalar.PLAIN &&
    node.source !== undefined &&
    typeof node.value !== "string"
  )
    return JSON.stringify(node.source);
  return JSON.stringify(isScalar(node) || isMap(node) || isSeq(node) ? node.toJS(document) : undefined);
}
