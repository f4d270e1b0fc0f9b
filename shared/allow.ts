import { posix } from "node:path";
import { z } from "zod";
import { capabilityName, type DockerOptions } from "./docker.ts";
import { userId } from "./ids.ts";
import { longName, parseImage } from "./image-name.ts";
import { type JobType, jobType } from "./job-fields.ts";

/** Capabilities every container gets, and may ask for again after dropping all. */
export const USUAL_CAPABILITIES: readonly string[] = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "NET_BIND_SERVICE",
  "SETGID",
  "SETUID",
];

const MAX_RULES = 100;
/** `*` matches any characters; every other character matches itself. */
const pattern = z
  .string()
  .max(512)
  .regex(/^[!-~]+$/, { error: "must be a name; * matches any characters" });
/** A path of a node that containers may mount, with everything below it. */
export const mountRule = z
  .string()
  .max(4_096)
  .regex(/^\/[^*:\0]*(\/\*\*)?(:r[ow])?$/, {
    error: "must be an absolute path such as /data, /srv/** (the same) or /srv:ro (read-only)",
  });
const capability = capabilityName("must be a capability such as SYS_PTRACE, or ALL");

/**
 * What the owner of a machine allows jobs to do on it: `allow` of agent.yaml, which the agent announces. Without
 * `executors`, `images` or `users`, all of them are allowed.
 */
export const nodeAllow = z.strictObject({
  /** Job types. */
  executors: z.array(jobType).min(1).optional(),
  /** Images of containers, such as `python:*` and `ghcr.io/acme/*`. Without a tag, any tag is allowed. */
  images: z.array(pattern).max(MAX_RULES).optional(),
  /** Directories and files of the node that containers may mount, with everything below them; `:ro` means read-only. */
  mounts: z.array(mountRule).max(MAX_RULES).default([]),
  /** Named volumes of the engine that jobs may mount although no job created them. */
  volumes: z.array(pattern).max(MAX_RULES).default([]),
  /** `*` does not match `host`, which must be named. A container without a network gets `bridge`. */
  networks: z.array(pattern).max(MAX_RULES).default(["bridge", "none"]),
  /** Capabilities containers may ask for beyond the usual ones. */
  capabilities: z.array(capability).max(MAX_RULES).default([]),
  /** Users whose jobs may run, by the ids that `auth status` and `job get` show. */
  users: z.array(userId).max(MAX_RULES).optional(),
});
export type NodeAllow = z.infer<typeof nodeAllow>;

/** The parts of a job that an owner may refuse. */
export interface Asked {
  type: JobType;
  userId: string | undefined;
  /** Only for a job in a container. */
  container?: AskedOfContainer;
}

export interface AskedOfContainer {
  image: string;
  network: string;
  /** Paths of the node. */
  binds: { source: string; readOnly: boolean }[];
  capabilities: string[];
}

export function askedOfContainer(image = "", docker?: DockerOptions): AskedOfContainer {
  const { network = "bridge", mounts = [], capAdd = [] } = docker ?? {};
  return {
    image,
    network: network === "default" ? "bridge" : network,
    binds: mounts
      .filter(({ type }) => type === "bind")
      .map(({ source = "", readOnly }) => ({ source: posix.normalize(source), readOnly })),
    capabilities: capAdd.filter((name) => !USUAL_CAPABILITIES.includes(name)),
  };
}

/** A rule that keeps a job off a node, and the field of `allow` to change. */
export interface Refusal {
  /** Completes "its owner …". */
  detail: string;
  field: keyof NodeAllow;
}

/** Everything this job asks for that the node's owner does not allow. */
export function* refusals(
  allow: NodeAllow,
  { type, userId, container }: Asked,
): Generator<Refusal, void, void> {
  const { executors, users, images } = allow;
  if (executors && !executors.includes(type)) {
    yield { field: "executors", detail: `does not allow ${type} jobs` };
  }
  if (users && (userId === undefined || !users.some((user) => user === userId))) {
    yield { field: "users", detail: `does not allow jobs of ${userId ?? "this user"}` };
  }
  if (!container) return;
  if (images && !images.some((rule) => allowsImage(rule, container.image))) {
    yield { field: "images", detail: `does not allow the image ${container.image}` };
  }
  for (const { source, readOnly } of container.binds) {
    const access = accessTo(allow.mounts, source);
    if (access === undefined) yield { field: "mounts", detail: `does not allow jobs to mount ${source}` };
    else if (access === "ro" && !readOnly) {
      yield { field: "mounts", detail: `allows jobs to mount ${source} read-only` };
    }
  }
  if (!allowsNetwork(allow.networks, container.network)) {
    yield { field: "networks", detail: `does not allow the network ${container.network}` };
  }
  for (const name of container.capabilities) {
    if (allow.capabilities.includes(name) || allow.capabilities.includes("ALL")) continue;
    yield { field: "capabilities", detail: `does not allow the capability ${name}` };
  }
}

/** How jobs may mount this path; undefined: not at all. Rules and path are compared as written: links are not followed. */
export function accessTo(rules: readonly string[], path: string): "ro" | "rw" | undefined {
  let access: "ro" | "rw" | undefined;
  for (const rule of rules) {
    const [, dir = "", mode] = /^(.*?)(?:\/\*\*)?(?::(r[ow]))?$/s.exec(rule) ?? [];
    if (!isWithin(path, posix.normalize(dir === "" ? "/" : dir))) continue;
    if (mode !== "ro") return "rw";
    access = "ro";
  }
  return access;
}

export function isWithin(path: string, dir: string): boolean {
  const base = dir.length > 1 && dir.endsWith("/") ? dir.slice(0, -1) : dir;
  return path === base || path.startsWith(base === "/" ? "/" : `${base}/`);
}

/** Whether any pattern matches the name. */
export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matches(pattern, name));
}

function allowsNetwork(rules: readonly string[], network: string): boolean {
  return network === "host" ? rules.includes("host") : matchesAny(rules, network);
}

/** Docker Hub's images have short names; rule and image are compared by their long names. */
function allowsImage(rule: string, reference: string): boolean {
  if (rule === "*" || rule === reference) return true;
  // It may be the start of an id, and so mean any image on the node.
  if (/^[0-9a-f]+$/.test(reference)) return false;
  const { repository, tag, isId } = parseImage(reference);
  if (isId) return matches(rule, reference);
  const name = longName(repository);
  const tagAt = rule.search(/[:@][^/]*$/);
  if (tagAt === -1) return matches(longName(rule), name);
  // A tag next to a digest means nothing, and `python:*` also matches digests.
  const separators = tag.startsWith("sha256:") ? ["@", ":"] : [":"];
  const wanted = longName(rule.slice(0, tagAt)) + rule.slice(tagAt);
  return separators.some((separator) => matches(wanted, `${name}${separator}${tag}`));
}

/** Takes time linear in the length of the name for each `*`. */
function matches(glob: string, name: string): boolean {
  const [first = "", ...others] = glob.split("*");
  if (others.length === 0) return glob === name;
  const last = others.pop() ?? "";
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length)
    return false;
  let from = first.length;
  const end = name.length - last.length;
  for (const part of others) {
    const at = name.indexOf(part, from);
    if (at === -1 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}
