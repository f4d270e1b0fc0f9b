import { z } from "zod";
import { mountRule, type NodeAllow, nodeAllow } from "../../../shared/allow.ts";

const filePath = z.string().regex(/^([/\\]|[A-Za-z]:[/\\])/, { error: "must be an absolute path" });

/** A login in agent.yaml. The password is in a file or a variable of the agent, never in agent.yaml or in a job. */
const registryLogin = z
  .strictObject({
    /** The host of the registry as in image names, such as `ghcr.io` or `images.example.com:5000`; `docker.io` is Docker Hub. */
    server: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?$/, {
      error: "must be the host of a registry, such as ghcr.io or images.example.com:5000",
    }),
    username: z.string().min(1),
    passwordFile: filePath.optional(),
    /** The name of a variable in the agent's environment. */
    passwordEnv: z.string().min(1).optional(),
  })
  .superRefine(({ passwordFile, passwordEnv }, context) => {
    if ((passwordFile === undefined) !== (passwordEnv === undefined)) return;
    const message = "must be set, or else passwordEnv: exactly one of them says where the password is";
    context.addIssue({ code: "custom", path: ["passwordFile"], message });
  });
export type RegistryLogin = z.infer<typeof registryLogin>;

/** The logins that jobs can name. */
export const registryLogins = z.record(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
    error: "a login's name must have 1 to 63 letters, digits and . _ -",
  }),
  registryLogin,
);
export type RegistryLogins = z.infer<typeof registryLogins>;

/** Rights that the owner of a machine can grant to containers beyond those of the agent's account. */
export const dockerGrants = z.strictObject({
  /** Jobs may mount the engine's own socket, with which they can do anything on the machine. */
  allowSocket: z.boolean().default(false),
  /**
   * A container that mounts directories of the node may run as any user. As root, it can leave programs there that make
   * anyone who runs them root on the node.
   */
  anyUser: z.boolean().default(false),
  /** Same as `allow.mounts`. */
  mounts: z.array(mountRule).max(100).default([]),
  /** Same as `allow.capabilities`. */
  capabilities: z
    .array(
      z.string().regex(/^[A-Z_]{2,40}$/, {
        error: "must be a capability in capitals without CAP_, such as SYS_PTRACE",
      }),
    )
    .max(50)
    .default([]),
});
export type DockerGrants = z.infer<typeof dockerGrants>;

/** What the owner of a machine grants to containers in agent.yaml. */
export interface ContainerGrants {
  registries: RegistryLogins;
  docker: DockerGrants;
  allow: NodeAllow;
  /** The agent's own directories, with its key and its owner's sign-ins. No job may mount them. */
  kept: string[];
}

/** The grants without an agent.yaml. */
export const plainGrants: ContainerGrants = {
  registries: {},
  docker: dockerGrants.parse({}),
  allow: nodeAllow.parse({}),
  kept: [],
};
