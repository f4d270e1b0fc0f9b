import { fileLimits } from "./file-limits.ts";

const SLASH = "/".charCodeAt(0);

/** What nearly all paths look like; looking closer takes ten times as long. */
const plainPath = /^(?:\.?[\w-][\w.-]*\/)*\.?[\w-][\w.-]*$/;

const encoder = new TextEncoder();

/** One sentence why this cannot be a path in a tree or below a job's directory; undefined if it can. */
export function pathProblem(path: string): string | undefined {
  if (path.length <= fileLimits.maxNameBytes && plainPath.test(path)) return undefined;
  if (path === "") return "a path must not be empty";
  if (!path.isWellFormed()) return "the path is not valid Unicode";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
  if (/[\0-\x1f\x7f]/.test(path)) return "the path contains a newline or another control character";
  if (path.startsWith("/")) return "the path is absolute";
  const names = path.split("/");
  if (names.some((name) => name === "" || name === ".")) return "the path contains an empty name or “.”";
  if (names.includes("..")) return "the path contains “..”";
  if (bytesOf(path) > fileLimits.maxPathBytes)
    return `the path is longer than ${fileLimits.maxPathBytes} bytes`;
  if (names.some((name) => bytesOf(name) > fileLimits.maxNameBytes))
    return `a name in the path is longer than ${fileLimits.maxNameBytes} bytes`;
  return undefined;
}

/** Orders paths so that a directory comes right before everything in it, by UTF-16 code units of the names. */
export function comparePaths(a: string, b: string): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    // A slash ends a name, so it comes before every character of a longer one.
    if (left !== right) return left === SLASH ? -1 : right === SLASH ? 1 : left - right;
  }
  return a.length - b.length;
}

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}
