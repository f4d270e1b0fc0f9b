import { z } from "zod";
import { type NodeAllow, nodeAllow } from "../../shared/allow.ts";
import { issuesOf } from "../../shared/issues.ts";
import { labels } from "../../shared/labels.ts";
import { pool } from "../../shared/manifest.ts";
import { dockerGrants, registryLogins } from "../executors/docker/settings.ts";
import { accountName } from "./job-account.ts";

/** A group below which nothing stands, as where all its lines are commented out, is as good as none. */
const group = <Schema extends z.ZodType>(schema: Schema) => z.preprocess((value) => value ?? {}, schema);

/** `~/.tanvrit/agent.yaml`: what the owner of a machine lets jobs have of it. Every field may be left out. */
export const agentFile = z
  .strictObject({
    /** How the node is called; the host's name where it is left out. */
    name: z.string().min(1).max(200).optional(),
    /** How many jobs may run at once; the number of cores where it is left out. */
    slots: z.int().min(1).max(10_000).optional(),
    /** The pool the node belongs to. */
    pool: pool.unwrap().optional(),
    /** Caps for each job; a node does not announce more than them. */
    limits: group(
      z.strictObject({
        /** Cores. */
        cpu: z.number().positive().max(4_096).optional(),
        /** MiB. */
        memoryMb: z
          .int()
          .positive()
          .max(64 * 1024 * 1024)
          .optional(),
        /** 0 keeps GPU jobs away. */
        gpuCount: z.int().min(0).max(64).optional(),
        /** Processes and threads at once. */
        pids: z.int().positive().max(4_194_304).optional(),
      }),
    ),
    /** After so long without work the agent goes to sleep; absent: it does not. */
    idleSuspendSeconds: z.number().min(0).max(31_536_000).optional(),
    /** Whether the machine's own sleep is held off while jobs run, where its system offers that. */
    keepAwake: z.boolean().default(true),
    /** MiB; with less free for jobs and their output the node takes none. Absent: 512, on small disks 5 %. 0: any will do. */
    minFreeDiskMb: z.int().min(0).optional(),
    /** What the node is to be found by, beside what is detected. */
    labels: group(labels),
    /** Logins that jobs may pull their images with, by the name they are called there. */
    registries: group(registryLogins),
    /** The account that jobs run as, where the agent may switch to it; the agent's own where it is left out. */
    runAs: accountName.optional(),
    /** What jobs may do on this machine. */
    allow: group(nodeAllow),
    /** What containers may have beyond what the agent's account has. */
    docker: group(dockerGrants),
  })
  .superRefine((file, context) => {
    // What they are together is announced.
    const checked = nodeAllow.safeParse(allowOf(file));
    for (const { path, message } of checked.success ? [] : issuesOf(checked.error)) {
      context.addIssue({ code: "custom", path: ["allow", ...path], message });
    }
  });
export type AgentFile = z.infer<typeof agentFile>;

/** What the file lets jobs do, wherever in it that is said. */
export function allowOf({ allow, docker }: Pick<AgentFile, "allow" | "docker">): NodeAllow {
  return {
    ...allow,
    mounts: [...allow.mounts, ...docker.mounts],
    capabilities: [...allow.capabilities, ...docker.capabilities],
  };
}
