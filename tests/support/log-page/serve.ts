import { join } from "node:path";

/** What the portal's pages allow. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'";

/** Serves a page with a log viewer, whose log the test hands in through `window.log`. */
export async function serveLogPage(): Promise<{ url: string } & AsyncDisposable> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dirname, "page.html")],
    target: "browser",
    minify: true,
    publicPath: "/",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const files = new Map(built.outputs.map((output) => [output.path.replace(/^\.?\//, ""), output]));
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const file = files.get(new URL(request.url).pathname.slice(1) || "page.html");
      if (!file) return new Response("not here", { status: 404 });
      return new Response(file, {
        headers: { "content-type": file.type, "content-security-policy": POLICY },
      });
    },
  });
  return { url: server.url.href, [Symbol.asyncDispose]: () => server.stop(true) };
}
