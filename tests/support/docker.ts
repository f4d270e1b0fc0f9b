import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { findEngine } from "../../agent/executors/docker/endpoint.ts";
import { Engine } from "../../agent/executors/docker/engine.ts";
import { makeScratch } from "./scratch.ts";

const PING_MS = 5_000;
/** Change this when you change what `makeRootfs` puts into the image, so that an old image is not reused. */
const IMAGE_VERSION = 2;
const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox"];
/** The bare image has no `chown`. */
const APPLETS = [
  "sh",
  "sleep",
  "cat",
  "echo",
  "touch",
  "mkdir",
  "id",
  "env",
  "true",
  "head",
  "yes",
  "rm",
  "ls",
];
const MORE_APPLETS = [
  ...["chown", "chmod", "dd", "seq", "kill", "pwd", "false", "tail", "printf", "setsid", "ps", "wc", "stat"],
  ...["grep", "sed", "awk", "date", "test", "expr", "sort", "tr", "cut", "nproc", "nohup", "timeout", "od"],
  ...[
    "basename",
    "dirname",
    "md5sum",
    "mkfifo",
    "su",
    "mknod",
    "whoami",
    "hostname",
    "ip",
    "ping",
    "df",
    "mount",
    "[",
  ],
];

/** What this machine lacks for tests with a real engine, and how to get it. */
export function missingDocker(): string | undefined {
  if (!BUSYBOX.some((path) => Bun.file(path).size > 0)) {
    return "there is no static busybox to build images from; install the package busybox-static";
  }
  try {
    findEngine(process.env);
  } catch (error) {
    return (error as Error).message;
  }
  const ping = Bun.spawnSync([process.execPath, "-e", PING], { cwd: import.meta.dir, timeout: PING_MS });
  return ping.success ? undefined : `no Docker engine answers: ${ping.stderr.toString().trim().slice(-300)}`;
}

const PING = `
  const { findEngine } = await import("../../agent/executors/docker/endpoint.ts");
  const { Engine } = await import("../../agent/executors/docker/engine.ts");
  const answer = new Engine(findEngine(process.env)).facts();
  await answer.catch((error) => { console.error(error.message); process.exit(1); });
`;

export function testEngine(): Engine {
  return new Engine(findEngine(process.env));
}

const made = new Map<string, Promise<string>>();

export interface ImageOptions {
  /** Lines of a Dockerfile that change the image's config, such as `USER 1000` or `ENTRYPOINT ["echo"]`. */
  changes?: string[];
  /** Without `chown` and most other programs. */
  bare?: boolean;
}

/**
 * Returns the name of an image that contains busybox. Builds the image if the engine does not have it; downloads
 * nothing.
 */
export function testImage(options: ImageOptions = {}, engine = testEngine()): Promise<string> {
  const key = Bun.hash(JSON.stringify([IMAGE_VERSION, options])).toString(36);
  const name = `tanvrit-test:${key}`;
  const place = `${engine.endpoint.url} ${name}`;
  const image = made.get(place) ?? makeImage(engine, name, options);
  made.set(place, image);
  return image;
}

async function makeImage(engine: Engine, name: string, options: ImageOptions): Promise<string> {
  try {
    await engine.json("GET", `/images/${name}/json`);
    return name;
  } catch {
    // Build it now.
  }
  const { socketPath } = engine.endpoint;
  if (!socketPath) throw new Error("tests build their images over the engine's socket");
  const [changes, others] = partition(options.changes ?? [], (line) => !BUILD_ONLY.test(line));
  if (others.length > 0)
    return buildImage(engine, name, await testImage({ ...options, changes }, engine), others);
  const query = new URLSearchParams({ fromSrc: "-", repo: name });
  for (const change of options.changes ?? []) query.append("changes", change);
  const answer = await fetch(`http://engine/images/create?${query}`, {
    method: "POST",
    unix: socketPath,
    body: await rootfs(options),
  });
  const text = await answer.text();
  if (!answer.ok || text.includes("errorDetail")) throw new Error(`the image was refused: ${text}`);
  return name;
}

/** Settings that an image import cannot carry. */
const BUILD_ONLY = /^STOPSIGNAL/;

function partition<T>(all: readonly T[], isFirst: (one: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))];
}

async function buildImage(engine: Engine, name: string, base: string, lines: readonly string[]) {
  await using scratch = await makeScratch();
  await writeFile(scratch.join("Dockerfile"), [`FROM ${base}`, ...lines, ""].join("\n"));
  const tar = Bun.spawnSync(["tar", "-C", scratch.path, "-c", "."]);
  const answer = await fetch(`http://engine/build?${new URLSearchParams({ t: name })}`, {
    method: "POST",
    unix: engine.endpoint.socketPath ?? "",
    headers: { "content-type": "application/x-tar" },
    body: new Uint8Array(tar.stdout),
  });
  const text = await answer.text();
  if (!answer.ok || text.includes("errorDetail")) throw new Error(`the image was refused: ${text}`);
  return name;
}

/** A root directory as a tar file. A different `mark` makes a different image. */
export function testRootfs(mark: string): Promise<Uint8Array<ArrayBuffer>> {
  return rootfs({}, mark);
}

async function rootfs({ bare = false }: ImageOptions, mark = ""): Promise<Uint8Array<ArrayBuffer>> {
  await using scratch = await makeScratch();
  for (const dir of ["bin", "etc", "tmp"]) await mkdir(scratch.join(dir));
  const busybox = BUSYBOX.find((path) => Bun.file(path).size > 0) ?? "";
  await copyFile(busybox, scratch.join("bin/busybox"));
  for (const applet of bare ? APPLETS : [...APPLETS, ...MORE_APPLETS]) {
    await symlink("busybox", scratch.join("bin", applet));
  }
  await writeFile(scratch.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\nada:x:1000:1000::/:/bin/sh\n");
  await writeFile(scratch.join("etc/group"), "root:x:0:\nada:x:1000:\n");
  await writeFile(scratch.join("etc/mark"), mark);
  const tar = Bun.spawnSync(["tar", "-C", scratch.path, "--owner=0", "--group=0", "-c", "."]);
  if (!tar.success) throw new Error(`tar failed: ${tar.stderr}`);
  return new Uint8Array(tar.stdout);
}
