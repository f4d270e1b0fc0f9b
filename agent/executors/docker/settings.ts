import { z } from "zod";
import { mountRule, type NodeAllow, nodeAllow } from "../../../shared/allow.ts";

const filePath = z.string().regex(/^([/\\]|[A-Za-z]:[/\\])/, { error: "must be an absolute path" });

/** One login of agent.yaml. The secret stands in a file or a variable of the agent, never in agent.yaml or a job. */
const registryLogin = z
  .strictObject({
    /** The registry's host as it stands in images, as `ghcr.io` or `images.example.com:5000`; `docker.io` is Docker Hub. */
    server: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?$/, {
      error: "must be the host of a registry, as ghcr.io or images.example.com:5000",
    }),
    username: z.string().min(1),
    passwordFile: filePath.optional(),
    /** The name of a variable in the agent's environment. */
    passwordEnv: z.string().min(1).optional(),
  })
  .superRefine(({ passwordFile, passwordEnv }, context) => {
    if ((passwordFile === undefined) !== (passwordEnv === undefined)) return;
    const message = "is wanted, or passwordEnv: just one of them says where the password is";
    context.addIssue({ code: "custom", path: ["passwordFile"], message });
  });
export type RegistryLogin = z.infer<typeof registryLogin>;

/** Logins that jobs may name. */
export const registryLogins = z.record(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
    error: "a login's name is 1 to 63 letters, digits and . _ -",
  }),
  registryLogin,
);
export type RegistryLogins = z.infer<typeof registryLogins>;

/** What the owner of a machine lets containers have that the agent's account alone would not give them. */
export const dockerGrants = z.strictObject({
  /** Jobs may mount the engine's own socket: whoever has it can do anything on the machine. */
  allowSocket: z.boolean().default(false),
  /**
   * A container with directories of the node may run as any user. As root it can leave programs there that make whoever
   * runs them root on the node.
   */
  anyUser: z.boolean().default(false),
  /** The same as `allow.mounts`. */
  mounts: z.array(mountRule).max(100).default([]),
  /** The same as `allow.capabilities`. */
  capabilities: z
    .array(
      z
        .string()
        .regex(/^[A-Z_]{2,40}$/, { error: "must be a capability in capitals without CAP_, as SYS_PTRACE" }),
    )
    .max(50)
    .default([]),
});
export type DockerGrants = z.infer<typeof dockerGrants>;

/** What the owner of a machine grants to containers, as agent.yaml says it. */
export interface ContainerGrants {
  registries: RegistryLogins;
  docker: DockerGrants;
  allow: NodeAllow;
  /** Directories of the agent's own, with its key and its owner's sign-ins: no job gets them by a mount. */
  kept: string[];
}

/** Without an agent.yaml. */
export const plainGrants: ContainerGrants = {
  registries: {},
  docker: dockerGrants.parse({}),
  allow: nodeAllow.parse({}),
  kept: [],
};
