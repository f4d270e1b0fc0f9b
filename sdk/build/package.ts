import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { withJsSpecifiers } from "./module-text.ts";
import { declarationsOf } from "./types.ts";

const ENTRIES = ["sdk/index.ts", "sdk/machine/index.ts"];
/** What goes into the package as it is. */
const FILES = ["package.json", "README.md"];

/**
 * Writes the package into a directory, in place of what is there: each module as plain ESM, with its declarations next to
 * it. Throws Error if a module needs a package that `sdk/package.json` does not name, or a declaration cannot be written.
 */
export async function writePackage(root: string, outDir: string): Promise<void> {
  const scratch = `${outDir}.${process.pid}.tmp`;
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(scratch, path)), { recursive: true });
    await Bun.write(join(scratch, path), text);
  };
  try {
    for (const name of FILES) await write(name, await readFile(join(root, "sdk", name), "utf8"));
    for (const [path, text] of await modulesOf(root)) await write(path.replace(/\.ts$/, ".js"), text);
    for (const [path, text] of declarationsOf(root, ENTRIES))
      await write(path.replace(/\.ts$/, ".d.ts"), text);
    await rm(outDir, { recursive: true, force: true });
    await rename(scratch, outDir);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The text of every module that the entry points load, by path. */
async function modulesOf(root: string): Promise<Map<string, string>> {
  const { dependencies } = JSON.parse(await readFile(join(root, "sdk/package.json"), "utf8"));
  const transpiler = new Bun.Transpiler({ loader: "ts", target: "browser" });
  const texts = new Map<string, string>();
  const waiting = [...ENTRIES];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (texts.has(path)) continue;
    const text = transpiler.transformSync(await readFile(join(root, path), "utf8"));
    texts.set(path, withJsSpecifiers(text));
    for (const { path: specifier } of transpiler.scanImports(text)) {
      if (specifier.startsWith(".")) waiting.push(posix.join(posix.dirname(path), specifier));
      else if (!specifier.startsWith("node:") && !isOf(specifier, Object.keys(dependencies)))
        throw new Error(`${path} needs ${specifier}, which sdk/package.json does not name`);
    }
  }
  return texts;
}

function isOf(specifier: string, packages: readonly string[]): boolean {
  return packages.some((name) => specifier === name || specifier.startsWith(`${name}/`));
}
