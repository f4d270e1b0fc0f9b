import { z } from "zod";
import { noNul } from "./labels.ts";
import { limits } from "./limits.ts";

/** The reference of an image, as `python:3.13-slim`, `ghcr.io/org/app@sha256:…` or the id of one that is there. */
export const imageReference = z
  .string()
  .max(512)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/, {
    error: "must be the reference of an image, as python:3.13-slim or ghcr.io/org/app:1.2",
  });

const entrypoint = z
  .union([noNul("the entrypoint"), z.array(noNul("the entrypoint")).max(1_000)])
  .refine((value) => JSON.stringify(value).length <= limits.maxCommandBytes, {
    error: `at most ${limits.maxCommandBytes} bytes`,
  });
const inContainer = z
  .string()
  .max(4_096)
  .regex(/^\/[^\0:]+$/, { error: "must be an absolute path in the container, without a colon" });
const volumeName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/;

/** What a container sees besides its image and the job's own directory. */
const dockerMount = z
  .strictObject({
    /** `bind`: a path of the node. `volume`: one of the engine's volumes. `tmpfs`: memory, gone with the container. */
    type: z.enum(["bind", "volume", "tmpfs"]),
    /** Of a bind its path on the node, of a volume its name; a volume without one is new and goes with the container. */
    source: noNul("source").min(1).max(4_096).optional(),
    target: inContainer,
    readOnly: z.boolean().default(false),
  })
  .superRefine(({ type, source }, context) => {
    const wrong = (message: string) => context.addIssue({ code: "custom", path: ["source"], message });
    if (type === "bind" && !source?.startsWith("/")) wrong("of a bind mount must be an absolute path");
    if (type === "tmpfs" && source !== undefined) wrong("a tmpfs mount has none");
    if (type === "volume" && source !== undefined && !volumeName.test(source)) {
      wrong("of a volume must be its name: letters, digits and _ . -");
    }
  });
export type DockerMount = z.infer<typeof dockerMount>;

const userText = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$/, {
  error: "must be USER or USER:GROUP, as names or numbers",
});

const capability = z
  .string()
  .regex(/^(CAP_)?[A-Za-z_]{2,40}$/, { error: "must be a capability, as NET_ADMIN" })
  .transform((name) => name.toUpperCase().replace(/^CAP_/, ""));

/** Of a DOCKER job: how its container is made. */
export const dockerOptions = z.strictObject({
  /**
   * Runs in place of the image's own, with `command` behind it. A text is the program alone, a list the program and
   * its first arguments; an empty one takes the image's away.
   */
  entrypoint: entrypoint.optional(),
  mounts: z.array(dockerMount).max(100).default([]),
  /** `bridge`, `none`, `host`, or the name of one of the engine's networks; absent: the engine's default. */
  network: z
    .string()
    .regex(volumeName, { error: "must be bridge, none, host or the name of a network" })
    .optional(),
  /** `USER[:GROUP]`, names of the image or numbers; absent: the image's own. */
  user: z
    .union([z.string(), z.number()], { error: "must be USER or USER:GROUP, as names or numbers" })
    .transform(String)
    .pipe(userText)
    .optional(),
  /**
   * Whether an init is the container's first process and hands signals on. Without it the image's own program is, as those
   * need that begin with an `/init` of their own.
   */
  init: z.boolean().default(true),
  /** Whether the image is fetched: each time, only where the node has none, or not at all. */
  pull: z.enum(["always", "missing", "never"]).default("missing"),
  /** Capabilities beyond the few that every container gets. */
  capAdd: z.array(capability).max(50).default([]),
  /** Those of the few that this one does without; `ALL` for all of them. */
  capDrop: z.array(capability).max(50).default([]),
  /** Megabytes of /dev/shm; absent: 64. */
  shmMb: z
    .int()
    .min(1)
    .max(1024 * 1024)
    .optional(),
  /** Processes and threads at once. */
  pids: z.int().min(1).max(4_194_304).optional(),
  /** The name of a login in the node's agent.yaml; the secret itself is never part of a job. */
  registry: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, { error: "must be the name of a login in agent.yaml" })
    .optional(),
});
export type DockerOptions = z.infer<typeof dockerOptions>;
