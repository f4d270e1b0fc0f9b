import { join } from "node:path";
import { type PortalFile, type PortalFiles, portalFileOf } from "./pack.ts";

const ASSETS = "/portal/assets/";
const ENTRY = join(import.meta.dirname, "../../portal/index.html");

/** Builds the portal from its sources: what the build embeds, and what a server that runs from the sources serves. */
export async function bundlePortal(): Promise<PortalFiles> {
  const built = await Bun.build({
    entrypoints: [ENTRY],
    target: "browser",
    format: "esm",
    splitting: true,
    minify: true,
    publicPath: ASSETS,
    naming: { entry: "[name]-[hash].[ext]", chunk: "[name]-[hash].[ext]", asset: "[name]-[hash].[ext]" },
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const files = new Map<string, PortalFile>();
  for (const output of built.outputs) {
    const bytes = new Uint8Array(await output.arrayBuffer());
    const name = output.path.replace(/^\.?\//, "");
    const isPage = name.endsWith(".html");
    files.set(isPage ? "/" : ASSETS + name, portalFileOf(typeOf(output), bytes, !isPage));
  }
  return files;
}

function typeOf({ type, path }: Bun.BuildArtifact): string {
  if (path.endsWith(".svg")) return "image/svg+xml";
  return type.replace(/;charset=utf-8$/, "; charset=utf-8");
}
