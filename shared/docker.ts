import { z } from "zod";
import { noNul } from "./labels.ts";
import { limits } from "./limits.ts";

/** An image reference such as `python:3.13-slim` or `ghcr.io/org/app@sha256:…`, or the id of an image on the node. */
export const imageReference = () =>
  z
    .string()
    .max(512)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/, {
      error: "must be an image reference such as python:3.13-slim or ghcr.io/org/app:1.2",
    });

const entrypoint = () =>
  z
    .union([noNul("the entrypoint"), z.array(noNul("the entrypoint")).max(1_000)])
    .refine((value) => JSON.stringify(value).length <= limits.maxCommandBytes, {
      error: `at most ${limits.maxCommandBytes} bytes`,
    });
const inContainer = () =>
  z
    .string()
    .max(4_096)
    .regex(/^\/[^\0:]+$/, { error: "must be an absolute path in the container, without a colon" });
const volumeName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/;

/** A mount in a container, next to its image and the job's own directory. */
const dockerMount = () =>
  z
    .strictObject({
      /** `bind`: a path of the node. `volume`: a volume of the engine. `tmpfs`: memory, gone with the container. */
      type: z.enum(["bind", "volume", "tmpfs"]),
      /** For a bind, its path on the node; for a volume, its name. A volume without a name is new and removed with the container. */
      source: noNul("source").min(1).max(4_096).optional(),
      target: inContainer(),
      readOnly: z.boolean().default(false),
    })
    .superRefine(({ type, source }, context) => {
      const wrong = (message: string) => context.addIssue({ code: "custom", path: ["source"], message });
      if (type === "bind" && !source?.startsWith("/")) wrong("must be an absolute path for a bind mount");
      if (type === "tmpfs" && source !== undefined) wrong("a tmpfs mount has no source");
      if (type === "volume" && source !== undefined && !volumeName.test(source)) {
        wrong("must be the name of a volume: letters, digits and _ . -");
      }
    });
export type DockerMount = z.infer<ReturnType<typeof dockerMount>>;

const userText = () =>
  z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$/, {
    error: "must be USER or USER:GROUP, as names or numbers",
  });

/** A capability in any case, with or without `CAP_`, as in `cap_net_admin`; the value is `NET_ADMIN`. */
export const capabilityName = (error: string) =>
  z
    .string()
    .regex(/^(CAP_)?[A-Za-z_]{2,40}$/, { error })
    .transform((name) => name.toUpperCase().replace(/^CAP_/, ""));
const capability = () => capabilityName("must be a capability such as NET_ADMIN");

/** How the container of a DOCKER job is created. */
export const dockerOptions = () =>
  z.strictObject({
    /**
     * Replaces the image's entrypoint; `command` follows it. A string is the program, a list the program and its first
     * arguments; an empty one removes the image's entrypoint.
     */
    entrypoint: entrypoint().optional(),
    mounts: z.array(dockerMount()).max(100).default([]),
    /** `bridge`, `none`, `host`, or the name of a network of the engine; absent: the engine's default. */
    network: z
      .string()
      .regex(volumeName, { error: "must be bridge, none, host or the name of a network" })
      .optional(),
    /** `USER[:GROUP]`, as names in the image or numbers; absent: the image's own user. */
    user: z
      .union([z.string(), z.number()], { error: "must be USER or USER:GROUP, as names or numbers" })
      .transform(String)
      .pipe(userText())
      .optional(),
    /**
     * Whether the container's first process is an init that forwards signals. false: it is the image's own program, as
     * images with an `/init` of their own need.
     */
    init: z.boolean().default(true),
    /** When the image is pulled: every time, only if the node lacks it, or never. */
    pull: z.enum(["always", "missing", "never"]).default("missing"),
    /** Capabilities beyond those every container gets. */
    capAdd: z.array(capability()).max(50).default([]),
    /** Default capabilities this container does without; `ALL` for all of them. */
    capDrop: z.array(capability()).max(50).default([]),
    /** Size of /dev/shm in megabytes; absent: 64. */
    shmMb: z
      .int()
      .min(1)
      .max(1024 * 1024)
      .optional(),
    /** The most processes and threads at once. */
    pids: z.int().min(1).max(4_194_304).optional(),
    /** The name of a login in the node's agent.yaml; the secret itself is never part of a job. */
    registry: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, { error: "must be the name of a login in agent.yaml" })
      .optional(),
  });
export type DockerOptions = z.infer<ReturnType<typeof dockerOptions>>;
