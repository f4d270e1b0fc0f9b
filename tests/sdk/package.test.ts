import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { publint } from "publint";
import { writePackage } from "../../sdk/build/package.ts";
import * as sources from "../../sdk/index.ts";
import { pinOfCertificate } from "../../shared/pin-of-certificate.ts";
import { selfSigned } from "../support/certificates.ts";
import { Chromium } from "../support/chromium.ts";
import { freePort } from "../support/free-port.ts";
import { Person } from "../support/person.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { useEverything } from "./scenario.mjs";

// Building the declarations takes as long as checking the whole program.
setDefaultTimeout(240_000);
const root = join(import.meta.dirname, "../..");

/** What a program in any runtime sees when it does everything. */
const EXPECTED = {
  follow: { lines: ["stderr: two", "stdout: one"], last: "end", status: "FAILED", exitCode: 3 },
  files: {
    artifact: { kind: "input", type: "directory", files: 3, bytes: 5_242_935 },
    isSent: true,
    sentAgain: 0,
    status: "SUCCESS",
    output: ["5242881", "käse"],
  },
  cancel: "CANCELLED",
  pages: 2,
  errors: {
    missing: [true, "not_found", 404],
    wrong: ["invalid_request", ["priority"]],
    refused: "unauthenticated",
    unreachable: [true, true],
  },
  aborts: ["enough", "enough", "enough"],
  ownFetch: ["POST /api/compute/jobs/list"],
};

const stack = new AsyncDisposableStack();
let scratch: Scratch;
let person: Person;
let pages: Bun.Server<undefined>;
/** The package as it is installed. */
let installed: string;

beforeAll(async () => {
  scratch = stack.use(await makeScratch());
  installed = scratch.join("node_modules/@tanvrit/compute");
  await mkdir(scratch.join("node_modules/@tanvrit"), { recursive: true });
  await symlink(join(root, "node_modules/@noble"), scratch.join("node_modules/@noble"));
  await writePackage(root, installed);
  pages = servePages();
  stack.defer(() => pages.stop(true));
  const config = { allowedOrigins: [pages.url.origin] };
  person = stack.use(await Person.withServer({ config, agent: [] }));
});

afterAll(() => stack.disposeAsync());

/** A web server that is not ours, with a page that may load the package. */
function servePages(): Bun.Server<undefined> {
  const imports = JSON.stringify({ imports: { "@noble/hashes/": "/noble/" } });
  const page = `<!doctype html><script type="importmap">${imports}</script><title>page</title>`;
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/") return new Response(page, { headers: { "content-type": "text/html" } });
      if (pathname === "/scenario.mjs") return new Response(Bun.file(join(import.meta.dirname, pathname)));
      if (pathname.startsWith("/noble/"))
        return new Response(
          Bun.file(join(root, "node_modules/@noble/hashes", pathname.slice("/noble".length))),
        );
      if (pathname.endsWith(".js")) return new Response(Bun.file(join(installed, pathname)));
      return new Response(null, { status: 404 });
    },
  });
}

async function given() {
  const token = await person.get(["auth", "print-token"]);
  return { url: person.server.url, token, nowhere: `http://127.0.0.1:${await freePort()}` };
}

/** Runs the scenario in another runtime, with the installed package. */
async function ranBy(command: string[]): Promise<unknown> {
  const { url, token, nowhere } = await given();
  const entry = join(installed, "sdk/index.js");
  return JSON.parse(
    await outputOf([...command, join(import.meta.dirname, "run-scenario.mjs"), entry, url, token, nowhere]),
  );
}

async function outputOf(cmd: string[], cwd = scratch.path): Promise<string> {
  const running = Bun.spawn({ cmd, cwd, stdout: "pipe", stderr: "pipe", timeout: 60_000 });
  const texts = [running.stdout, running.stderr].map((stream) => new Response(stream).text());
  const [stdout = "", stderr = ""] = await Promise.all(texts);
  await running.exited;
  if (running.exitCode !== 0) throw new Error(`${cmd[0]} ended with ${running.exitCode}: ${stdout}${stderr}`);
  return stdout;
}

test("Bun: everything works from the sources", async () => {
  expect(await useEverything(sources, await given())).toEqual(EXPECTED);
});

test("Node: everything works from the package", async () => {
  expect(await ranBy(["node"])).toEqual(EXPECTED);
});

test("Deno: everything works from the package", async () => {
  const deno = Bun.resolveSync("deno/bin.cjs", root);
  expect(await ranBy(["node", deno, "run", "--allow-net", "--allow-read", "--no-lock"])).toEqual(EXPECTED);
});

test("Chromium: everything works from a page of another origin, as it is served", async () => {
  await using chromium = await Chromium.start();
  await using window = await chromium.window();
  await window.page.goto(pages.url.href);
  const seen = await window.page.evaluate(
    async (facts) => {
      const load = (path: string) => import(path);
      const { useEverything: run } = await load("/scenario.mjs");
      return run(await load("/sdk/index.js"), facts);
    },
    await given(),
  );
  expect(seen).toEqual(EXPECTED);
});

test("Node: the package for machines reaches a server by the fingerprint of its certificate, and sends another one nothing", async () => {
  const keys = [await selfSigned(), await selfSigned()];
  const tokens: (string | null)[] = [];
  const servers = keys.map((tls) =>
    Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls,
      async fetch(request) {
        tokens.push(request.headers.get("authorization"));
        return Response.json(await request.json().then(() => ({ jobs: [] })));
      },
    }),
  );
  const { fingerprint } = pinOfCertificate(new X509Certificate(keys[0]?.cert ?? ""));
  await Bun.write(scratch.join("token"), "from-a-file");
  const program = `
    import { createComputeClient } from "@tanvrit/compute/node";
    import { OtherServerError } from "@tanvrit/compute";
    const options = { tokenFile: "token", fingerprint: ${JSON.stringify(fingerprint)} };
    const [right, wrong] = ${JSON.stringify(servers.map(({ url }) => url.href))};
    for await (const _ of createComputeClient({ ...options, url: right }).jobs.list()) throw new Error("no job");
    const error = await createComputeClient({ ...options, url: wrong }).jobs.list().next().catch((error) => error);
    console.log(error instanceof OtherServerError);`;
  await Bun.write(scratch.join("pinned.mjs"), program);
  expect(await outputOf(["node", "pinned.mjs"])).toBe("true\n");
  expect(tokens).toEqual(["Bearer from-a-file"]);
  for (const server of servers) await server.stop(true);
});

test("publint and attw have nothing to say about the package", async () => {
  const { messages } = await publint({ pkgDir: installed, strict: true, pack: false });
  expect(messages).toEqual([]);
  const attw = ["node", join(root, "node_modules/.bin/attw"), "--pack", installed, "--profile", "esm-only"];
  await outputOf(attw);
});

test("the types need no other package, and check what a program writes", async () => {
  const readme = await readFile(join(root, "sdk/README.md"), "utf8");
  const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? "");
  expect(examples).toHaveLength(2);
  const wrong = [
    'import { createComputeClient, type Job } from "@tanvrit/compute";',
    'const compute = createComputeClient({ url: "http://127.0.0.1", token: "t" });',
    "// @ts-expect-error: a field that no job has",
    'compute.jobs.submit({ command: "true", comand: "true" });',
    "// @ts-expect-error: a status that no job has",
    'compute.jobs.list({ status: ["DONE"] });',
    'export const statusOf = async (id: string): Promise<Job["status"]> => (await compute.jobs.retrieve(id)).status;',
    'export const name = (await compute.client.call("nodes.retrieve", { nodeId: "n" })).name satisfies string;',
  ];
  for (const [i, code] of [...examples, wrong.join("\n")].entries())
    await Bun.write(scratch.join(`src/${i}.ts`), code);
  const lib = ["ES2022", "DOM", "DOM.AsyncIterable"];
  const strictest = { strict: true, skipLibCheck: false, types: [], noEmit: true };
  const compilerOptions = { module: "NodeNext", lib, target: "ES2022", ...strictest };
  await Bun.write(scratch.join("tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }));
  await Bun.write(scratch.join("package.json"), '{"type":"module"}');
  expect(await outputOf([join(root, "node_modules/.bin/tsc"), "-p", scratch.path])).toBe("");
});
