import { z } from "zod";
import {
  defineOptions,
  flagOption,
  type OptionValues,
  optionNumber,
  optionText,
} from "../../shared/config/options.ts";
import type { DockerOptions } from "../../shared/docker.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { own } from "../../shared/own.ts";
import { CliError } from "../exit/failure.ts";

/** The options of a job that runs in a container. */
export const dockerFlags = defineOptions({
  image: {
    kind: "value",
    group: "Containers",
    placeholder: "IMAGE",
    schema: () => optionText,
    help: "Run in a container of this image; makes it a job of type DOCKER",
  },
  entrypoint: {
    kind: "value",
    group: "Containers",
    placeholder: "PROGRAM",
    schema: () => z.string(),
    defaultText: "the image's own",
    help: "The program that runs in the container, with the command as its arguments; empty removes the image's own",
  },
  mount: {
    kind: "list",
    group: "Containers",
    placeholder: "MOUNT",
    schema: () => z.array(optionText),
    help: "SRC:DST[:ro], or type=bind|volume|tmpfs,source=…,target=…[,readonly]",
  },
  network: {
    kind: "value",
    group: "Containers",
    placeholder: "NAME",
    schema: () => optionText,
    defaultText: "the engine's own",
    help: "The container's network: bridge, none, host or a name",
  },
  user: {
    kind: "value",
    group: "Containers",
    placeholder: "USER[:GROUP]",
    schema: () => optionText,
    defaultText: "the image's own",
    help: "The user that the container runs as",
  },
  "no-init": flagOption(
    "Run without an init: the image's own program is process 1, as images with an /init need",
    "Containers",
  ),
  pull: {
    kind: "value",
    group: "Containers",
    placeholder: "WHEN",
    schema: () => optionText,
    defaultText: "missing",
    help: "When to pull the image: always, missing, never",
  },
  "cap-add": {
    kind: "list",
    group: "Containers",
    placeholder: "CAP",
    schema: () => z.array(optionText),
    help: "Add a capability to the few that containers get",
  },
  "cap-drop": {
    kind: "list",
    group: "Containers",
    placeholder: "CAP",
    schema: () => z.array(optionText),
    help: "Drop one of those few capabilities, or ALL",
  },
  shm: {
    kind: "value",
    group: "Containers",
    placeholder: "MB",
    schema: () => optionNumber({ min: 1, integer: true, unit: "megabytes" }),
    defaultText: "64",
    help: "The size of the container's /dev/shm",
  },
  pids: {
    kind: "value",
    group: "Containers",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, integer: true, unit: "processes" }),
    help: "How many processes and threads the container may have at once",
  },
  registry: {
    kind: "value",
    group: "Containers",
    placeholder: "LOGIN",
    schema: () => optionText,
    help: "Pull with this login from the node's agent.yaml",
  },
});

type DockerValues = OptionValues<typeof dockerFlags>;

/** These options as the `docker` of a manifest; undefined if none was given. The schema checks the values. */
export function dockerOf(options: DockerValues): JobManifestInput["docker"] {
  const given = Object.entries({
    entrypoint: options.entrypoint,
    mounts: options.mount?.map(mountOf),
    network: options.network,
    user: options.user,
    init: options["no-init"] ? false : undefined,
    pull: options.pull as DockerOptions["pull"] | undefined,
    capAdd: options["cap-add"],
    capDrop: options["cap-drop"],
    shmMb: options.shm,
    pids: options.pids,
    registry: options.registry,
  }).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

interface Mount {
  type: "bind" | "volume" | "tmpfs";
  source?: string;
  target: string;
  readOnly?: boolean;
}

/** A mount, written in either form of docker's own command line. */
export function mountOf(text: string): Mount {
  return /^[a-z]+=|^readonly\b|^ro\b/.test(text) ? mountOfFields(text) : mountOfPaths(text);
}

const keys: Record<string, keyof Mount> = {
  type: "type",
  source: "source",
  src: "source",
  target: "target",
  destination: "target",
  dst: "target",
  readonly: "readOnly",
  ro: "readOnly",
};

function mountOfFields(text: string): Mount {
  const mount: Record<string, string | boolean> = { type: "volume" };
  for (const field of text.split(",")) {
    const [name = "", ...rest] = field.split("=");
    const key = own(keys, name);
    const value = rest.length === 0 ? undefined : rest.join("=");
    if (key === undefined) {
      throw wrongMount(
        text,
        `${name} is not a field of a mount; the fields are type, source, target and readonly`,
      );
    }
    if (key === "readOnly") mount[key] = value === undefined || value === "true" || value === "1";
    else if (value) mount[key] = value;
    else throw wrongMount(text, `${name} has no value`);
  }
  if (mount.target === undefined) throw wrongMount(text, "it has no target");
  return mount as unknown as Mount;
}

function mountOfPaths(text: string): Mount {
  const parts = text.split(":");
  const mode = parts.length > 1 && /^(ro|rw)$/.test(parts.at(-1) ?? "") ? parts.pop() : undefined;
  const [first = "", target, ...more] = parts;
  if (more.length > 0) throw wrongMount(text, "it has a colon too many, or its mode is not ro or rw");
  const readOnly = mode === "ro" ? { readOnly: true } : {};
  if (target === undefined) return { type: "volume", target: first, ...readOnly };
  if (first.startsWith(".") || first.startsWith("~")) {
    throw wrongMount(
      text,
      "a path on the node must be absolute; the node does not know your current directory",
    );
  }
  return { type: first.startsWith("/") ? "bind" : "volume", source: first, target, ...readOnly };
}

function wrongMount(text: string, why: string): CliError {
  return new CliError("usage", `--mount ${text}: ${why}`, {
    todo: "Write SRC:DST[:ro], or type=bind,source=/data,target=/data,readonly",
  });
}
