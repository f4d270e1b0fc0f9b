import { join } from "node:path";
import { type PortalFile, type PortalFiles, portalFileOf } from "./pack.ts";

const ASSETS = "/portal/assets/";
const ROOT = join(import.meta.dirname, "../..");
const ENTRY = join(ROOT, "portal/index.html");
/** What the first script loads for every page. */
const START = "portal/start.tsx";
/** The pages by path; each is a line of this table. */
const PAGES = "portal/pages.ts";
const PAGE_LINE = /path: "(.+?)", load: \(\) => import\("\.(.+?)"\)/g;

/** Builds the portal from its sources: what the build embeds, and what a server that runs from the sources serves. */
export async function bundlePortal(): Promise<PortalFiles> {
  const built = await Bun.build({
    entrypoints: [ENTRY],
    root: ROOT,
    target: "browser",
    format: "esm",
    splitting: true,
    minify: true,
    metafile: true,
    publicPath: ASSETS,
    naming: { entry: "[name]-[hash].[ext]", chunk: "[name]-[hash].[ext]", asset: "[name]-[hash].[ext]" },
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const files = new Map<string, PortalFile>();
  let html = "";
  for (const output of built.outputs) {
    const bytes = new Uint8Array(await output.arrayBuffer());
    const name = nameOf(output.path);
    if (name.endsWith(".html")) html = new TextDecoder().decode(bytes);
    else files.set(ASSETS + name, portalFileOf(typeOf(output), bytes, true));
  }
  const scriptsOf = scriptsIn(built.metafile?.outputs ?? {});
  for (const [, path = "", source = ""] of (await Bun.file(join(ROOT, PAGES)).text()).matchAll(PAGE_LINE)) {
    const page = withScripts(html, scriptsOf([START, `portal${source}`]));
    files.set(path, portalFileOf("text/html; charset=utf-8", new TextEncoder().encode(page), false));
  }
  return files;
}

/** Finds the names of all scripts that sources are in or import, except those loaded when they are needed. */
function scriptsIn(outputs: Bun.BuildMetafile["outputs"]): (sources: readonly string[]) => string[] {
  const scripts = Object.entries(outputs).filter(([path]) => path.endsWith(".js"));
  const byName = new Map(scripts.map(([path, output]) => [nameOf(path), output]));
  const bySource = new Map([...byName].map(([name, { entryPoint }]) => [entryPoint, name]));
  return (sources) => {
    const found = new Set<string>();
    const add = (name: string | undefined) => {
      if (name === undefined || found.has(name)) return;
      found.add(name);
      for (const { path, kind } of byName.get(name)?.imports ?? [])
        if (kind === "import-statement") add(nameOf(path));
    };
    for (const source of sources) add(bySource.get(source));
    return [...found];
  };
}

/** The page, with a word to the browser to load these scripts before the first one asks for them. */
function withScripts(html: string, names: readonly string[]): string {
  const links = names.map((name) => `<link rel="modulepreload" href="${ASSETS}${name}">`);
  return html.replace("</head>", `${links.join("")}</head>`);
}

function nameOf(path: string): string {
  return path.replace(/^\.?\//, "");
}

function typeOf({ type, path }: Bun.BuildArtifact): string {
  if (path.endsWith(".svg")) return "image/svg+xml";
  return type.replace(/;charset=utf-8$/, "; charset=utf-8");
}
