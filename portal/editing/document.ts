import {
  type Document,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Pair,
  parseDocument,
  Scalar,
  visit,
  YAMLMap,
} from "yaml";
import { assign, newNode } from "./assign.ts";

export type Path = readonly (string | number)[];
export type Fields = Record<string, unknown>;

/** Something wrong with a document, and where. */
export interface Problem {
  /** Such as `resources.cpu`; absent if the text is not valid YAML. */
  path?: string;
  message: string;
}

/** Where a problem is in the text: offsets, the end exclusive, and the line from 1. */
export interface Place {
  from: number;
  to: number;
  line: number;
}

/** A text that a person wrote as YAML (or JSON), and what it means. */
export interface Reading {
  text: string;
  /** Undefined while the text is not valid. */
  fields: Fields | undefined;
  /** What keeps the text from being read, with its place. */
  syntax: readonly (Problem & Place)[];
  /** The place of a field, or of its nearest parent in the text. */
  placeOf(path: string): Place;
}

/** Says where a scalar without quotes means its value, and not its characters. */
export type IsValue = (path: Path) => boolean;

const MAX_PROBLEMS = 20;
const OPTIONS = { prettyErrors: false, merge: true, stringKeys: true } as const;

/** Fields of a job that hold numbers and booleans; everywhere else a scalar without quotes means its characters. */
const JOB_VALUES =
  /^(resources\.\w+|(timeout|grace|queueTtl|startTimeout)Seconds|maxRetries|maxLogMb|priority|concurrency\.(limit|cancelInProgress)|docker\.(init|shmMb|pids|mounts\.\d+\.readOnly)|workflow\.(keepOnFailure|payload\..*)|retryOn\.\d+)$/;
const TEMPLATE_VALUES = /^parameters\.\d+\.(required|min|max)$/;

export const isJobValue: IsValue = (path) => JOB_VALUES.test(path.join("."));
export const isTemplateValue: IsValue = (path) =>
  path[0] === "job" ? isJobValue(path.slice(1)) : TEMPLATE_VALUES.test(path.join("."));

/** Reads a text as a person means it: `V: 1.10` in `env` stays `1.10`. Never throws. */
export function readDocument(text: string, isValue: IsValue = isJobValue): Reading {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...OPTIONS, lineCounter: lines });
  const root = document.contents as Node | null;
  const placeAt = (from: number, to: number): Place => {
    const end = Math.max(from, text.trimEnd().length);
    return {
      from: Math.min(from, end),
      to: Math.min(Math.max(to, from), end),
      line: Math.max(1, lines.linePos(from).line),
    };
  };
  const syntax = [...document.errors, ...document.warnings]
    .slice(0, MAX_PROBLEMS)
    .map(({ pos, code, message }) => ({
      message: IN_WORDS[code] ?? message,
      ...placeAt(pos[0], pos[1]),
    }));
  const read = syntax.length > 0 ? { problem: undefined } : fieldsOf(document, isValue);
  if ("problem" in read && read.problem !== undefined)
    syntax.push({ message: read.problem, ...placeAt(0, 0) });
  const placeOf = (path: string) => {
    const [from, to] = rangeOf(root, path.split("."));
    return placeAt(from, to);
  };
  return { text, fields: "fields" in read ? read.fields : undefined, syntax, placeOf };
}

const IN_WORDS: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: "There must be one document, without ---.",
  DUPLICATE_KEY: "This field appears twice; keep one of them.",
  NON_STRING_KEY: "The name of a field must be text, not a list or a map.",
};

function fieldsOf(document: Document, isValue: IsValue): { fields: Fields } | { problem: string } {
  visit(document, {
    Scalar(key, node, ancestors) {
      if (
        node.type !== Scalar.PLAIN ||
        typeof node.value === "string" ||
        node.value === null ||
        key === "key"
      )
        return;
      if (node.source !== undefined && !isValue(pathOf(key, ancestors))) node.value = node.source;
    },
  });
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { problem: "There must be fields with values here, such as “command: make test”." };
  // Fields such as `x-common: &common …` only hold what other fields refer to.
  return { fields: Object.fromEntries(Object.entries(value).filter(([name]) => !name.startsWith("x-"))) };
}

function pathOf(key: unknown, ancestors: readonly unknown[]): (string | number)[] {
  const path: (string | number)[] = [];
  for (const [i, ancestor] of ancestors.entries()) {
    if (isPair(ancestor)) path.push(String(ancestor.key));
    else if (isSeq(ancestor)) {
      const child = ancestors[i + 1];
      path.push(child === undefined ? Number(key) : ancestor.items.indexOf(child));
    }
  }
  return path;
}

/** The offsets of a field's name and value, or of the nearest parent in the text. */
function rangeOf(root: Node | null, path: readonly string[]): [number, number] {
  let current: unknown = root;
  // A missing field is marked at the first line.
  let range: [number, number] = [root?.range?.[0] ?? 0, root?.range?.[0] ?? 0];
  for (const step of path) {
    if (isMap(current)) {
      const pair = current.items.find((item) => String(item.key) === step);
      if (!pair) break;
      const key = (pair.key as Node | null)?.range;
      const value = (pair.value as Node | null)?.range;
      range = [key?.[0] ?? range[0], value?.[1] ?? key?.[1] ?? range[1]];
      current = pair.value;
    } else if (isSeq(current)) {
      current = current.items[Number(step)];
      const at = (current as Node | undefined)?.range;
      if (!at) break;
      range = [at[0], at[1]];
    } else break;
  }
  return range;
}

/** In which order a new field goes between the others. */
const ORDER = [
  ...["name", "type", "image", "command", "workflow", "docker", "workdir", "env", "secretEnv", "secretFiles"],
  ...[
    "inputs",
    "outputs",
    "resources",
    "pool",
    "labels",
    "selector",
    "array",
    "after",
    "envFrom",
    "notBefore",
  ],
  ...["timeoutSeconds", "maxRetries", "retryOn", "priority", "concurrency"],
];

/**
 * The text with another value at the path, or without it if the value is undefined. Comments, the order of fields and what
 * the change does not touch stay. An empty map or list goes with its field. A text that cannot be read stays as it is.
 */
export function changeDocument(text: string, path: Path, value: unknown): string {
  const document = parseDocument(text, { prettyErrors: false, stringKeys: true });
  if (document.errors.length > 0) return text;
  const [field, ...inner] = path;
  if (field === undefined) return text;
  if (!isMap(document.contents)) {
    if (document.contents !== null && !isEmptyScalar(document.contents)) return text;
    document.contents = new YAMLMap() as unknown as typeof document.contents;
  }
  const root = document.contents as unknown as YAMLMap;
  if (isEmpty(value)) remove(document, path);
  else if (root.has(field) && (inner.length === 0 || !isEmptyScalar(root.get(field, true))))
    put(document, path, value);
  else {
    root.delete(field);
    const whole = [...inner].reverse().reduce<unknown>((within, step) => ({ [step]: within }), value);
    insert(document, root, String(field), whole);
  }
  if (root.items.length === 0) root.flow = false;
  const written = document.toString({
    lineWidth: 0,
    flowCollectionPadding: !/\{\S/.test(text),
    indentSeq:
      !/:[ \t]*\n( *)- /.test(text) ||
      /\n( +)\S[^\n]*:[ \t]*\n\1 +- |(^|\n)[^\s#-][^\n]*:[ \t]*\n +- /.test(text),
  });
  return root.items.length === 0 ? written.replace(/^\{\}\n?/m, "") : written;
}

function put(document: Document, path: Path, value: unknown): void {
  try {
    const before = document.getIn(path, true);
    const node = assign(document, before, value);
    if (node !== before) document.setIn(path, node);
  } catch {
    // Below an alias there is nothing to change: the field gets a value of its own.
    const [field = ""] = path;
    const whole = path.length === 1 ? value : merged(document.toJS()[field], path.slice(1), value);
    document.setIn([field], document.createNode(whole));
  }
}

function merged(held: unknown, [step, ...rest]: Path, value: unknown): unknown {
  if (step === undefined) return value;
  const copy = (typeof held === "object" && held !== null ? structuredClone(held) : {}) as Fields;
  copy[step] = merged(copy[step], rest, value);
  return copy;
}

function remove(document: Document, path: Path): void {
  if (!document.hasIn(path)) return;
  try {
    document.deleteIn(path);
  } catch {
    return;
  }
  const parent = path.slice(0, -1);
  if (parent.length === 0) return;
  const held = document.getIn(parent);
  if ((isMap(held) || isSeq(held)) && held.items.length === 0) remove(document, parent);
}

function insert(document: Document, root: YAMLMap, field: string, value: unknown): void {
  const pair = new Pair(document.createNode(field), newNode(document, value));
  const rank = rankOf(field);
  // A comment at the top stays at the top, with the field that it may be about.
  const first = root.items[0]?.key;
  const isHeaded = isScalar(first) && Boolean(first.commentBefore);
  const at = root.items.findIndex(({ key }, i) => rankOf(String(key)) > rank && !(i === 0 && isHeaded));
  root.items.splice(at === -1 ? root.items.length : at, 0, pair);
}

function rankOf(field: string): number {
  const at = ORDER.indexOf(field);
  return at === -1 ? ORDER.length : at;
}

function isEmptyScalar(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === "") return true;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Fields as a text, in the order in which people read a job. */
export function writeDocument(fields: Fields, order: readonly string[] = ORDER): string {
  const rank = (field: string) => (order.includes(field) ? order.indexOf(field) : order.length);
  const sorted = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => rank(a) - rank(b));
  const document = parseDocument("");
  document.contents = document.createNode(Object.fromEntries(sorted)) as typeof document.contents;
  return sorted.length === 0 ? "" : document.toString({ lineWidth: 0, flowCollectionPadding: false });
}
