import { existsSync } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../../shared/code-of.ts";
import {
  containerState,
  containerStopped,
  createContainer,
  removeContainer,
  startContainer,
} from "./containers.ts";
import type { Engine } from "./engine.ts";

const OUR_DIR = "/work";
/** Changing the owner of a million files takes a while. */
const CHOWN_MS = 300_000;
/** The node's directories with programs and libraries, for images without a chown of their own. */
const HOST_PROGRAMS = ["/bin", "/usr", "/lib", "/lib64"];

export interface TakeOver {
  image: string;
  dir: string;
  name: string;
  labels: Record<string, string>;
  /** Root in the engine's containers is this account anyway. */
  rootless: boolean;
}

/** Whether a directory contains anything that this account could not remove. */
export async function hasForeignFiles(dir: string, uid = process.getuid?.() ?? 0): Promise<boolean> {
  if (uid === 0) return false;
  try {
    for (const entry of await readdir(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if ((await lstat(path)).uid !== uid) return true;
      if (entry.isDirectory() && (await hasForeignFiles(path, uid))) return true;
    }
    return false;
  } catch (error) {
    // A directory that cannot even be read must be taken over; one that is gone need not be.
    return codeOf(error) !== "ENOENT";
  }
}

/**
 * Makes the agent the owner of everything below a job's directory again, so that the agent can read and remove it. Runs a
 * short container with only that directory, first with the image's chown, then with the node's. Throws if neither works.
 */
export async function takeOverFiles(engine: Engine, order: TakeOver): Promise<void> {
  try {
    await runChown(engine, order, []);
  } catch {
    // The image has no chown, or an unusual one. Try the node's, and report its failure.
    await runChown(engine, order, HOST_PROGRAMS);
  }
}

async function runChown(engine: Engine, order: TakeOver, borrowed: readonly string[]): Promise<void> {
  const { image, dir, labels, rootless, name } = order;
  const owner = rootless ? "0:0" : `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const program = borrowed.length > 0 ? "/bin/chown" : "chown";
  const work = { Type: "bind", Source: dir, Target: OUR_DIR };
  const programs = borrowed
    .filter((path) => existsSync(path))
    .map((path) => ({ Type: "bind", Source: path, Target: path, ReadOnly: true }));
  await removeContainer(engine, name);
  const id = await createContainer(engine, name, {
    Image: image,
    Entrypoint: [program],
    Cmd: ["-Rh", owner, OUR_DIR],
    User: "0:0",
    WorkingDir: "/",
    Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    Labels: labels,
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      Mounts: [work, ...programs],
      NetworkMode: "none",
      CapDrop: ["ALL"],
      CapAdd: ["CHOWN", "DAC_OVERRIDE", "FOWNER"],
      SecurityOpt: ["no-new-privileges", "label=disable"],
      LogConfig: { Type: "none", Config: {} },
      // Real root, even if the engine maps the users of containers to others.
      ...(rootless ? {} : { UsernsMode: "host" }),
    },
  });
  try {
    await startContainer(engine, id);
    await containerStopped(engine, id, CHOWN_MS);
    const { ExitCode } = await containerState(engine, id);
    if (ExitCode !== 0) throw new Error(`chown ended with ${ExitCode}`);
  } finally {
    await removeContainer(engine, id);
  }
}
