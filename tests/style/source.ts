import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..", "..");
export const rooms = ["shared", "sdk", "agent", "server", "portal", "cmd", "tests", "bench"] as const;
export type Room = (typeof rooms)[number];

export interface SourceFile {
  /** Relative to the top of the repository, with forward slashes. */
  path: string;
  text: string;
}

/** Every TypeScript file of the repository. */
export function sourceFiles(): SourceFile[] {
  return rooms.flatMap((room) => [...filesBelow(room, ".ts"), ...filesBelow(room, ".tsx")]);
}

/** Every page and every TypeScript file. */
export function pagesAndSources(): SourceFile[] {
  const pages = readdirSync(root).filter((name) => name.endsWith(".md"));
  return [...pages.map(readSource), ...filesBelow("docs", ".md"), ...sourceFiles()];
}

export function filesBelow(directory: string, ending: string): SourceFile[] {
  return readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
    .map((name) => `${directory}/${name.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(ending))
    .sort()
    .map(readSource);
}

export function roomOf(path: string): Room | undefined {
  return rooms.find((room) => path.startsWith(`${room}/`));
}

/** The relative paths that a file imports, statically or dynamically. */
export function importedPaths(text: string): string[] {
  // Only at the start of a line: an import inside a string, as in the tests here, does not count.
  const statements = text.matchAll(/^(?:import|export)\b(?:[^;"']*\bfrom)?\s*["'](\.[^"']+)["']/gm);
  const calls = text.matchAll(/^[^"'`\n]*\bimport\(\s*["'](\.[^"']+)["']/gm);
  return [...statements, ...calls].map((match) => match[1] ?? "");
}

function readSource(path: string): SourceFile {
  return { path, text: readFileSync(join(root, path), "utf8") };
}
