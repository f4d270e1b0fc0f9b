import { z } from "zod";
import { type NodeAllow, nodeAllow } from "../../shared/allow.ts";
import { issuesOf } from "../../shared/issues.ts";
import { pool } from "../../shared/job-fields.ts";
import { labels, recordOf } from "../../shared/labels.ts";
import { dockerGrants, registryLogins } from "../executors/docker/settings.ts";
import { runAsAccount } from "./job-account.ts";

/**
 * How the agent's calls get to the server. `auto`: over a WebSocket, or by HTTP where none can be opened. `socket`: only over
 * a WebSocket. `http`: each as a request of its own.
 */
export const connectionMode = z.enum(["auto", "socket", "http"]);
export type ConnectionMode = z.infer<typeof connectionMode>;

/** A group without fields, for example because all its lines are commented out, counts as absent. */
const group = <Schema extends z.ZodType>(schema: Schema) => z.preprocess((value) => value ?? {}, schema);

/** `~/.tanvrit/agent.yaml`: what the owner of a machine gives to jobs. Every field is optional. */
export const agentFile = z
  .strictObject({
    /** The node's name; absent: the host's name. */
    name: z.string().min(1).max(200).optional(),
    /** How many jobs may run at the same time; absent: the number of cores. */
    slots: z.int().min(1).max(10_000).optional(),
    /** The pool the node belongs to. */
    pool: pool().unwrap().optional(),
    /** How calls get to the server. */
    connection: connectionMode.default("auto"),
    /** Caps for each job. A node announces at most this much. */
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
        /** Processes and threads at the same time. */
        pids: z.int().positive().max(4_194_304).optional(),
      }),
    ),
    /** The agent suspends itself after this long without work; absent: never. */
    idleSuspendSeconds: z.number().min(0).max(31_536_000).optional(),
    /** Whether to keep the machine from sleeping while jobs run, if its system offers that. */
    keepAwake: z.boolean().default(true),
    /** Whether to take jobs ahead of free slots while jobs end quickly. */
    prefetch: z.boolean().default(true),
    /** MiB. With less free disk for jobs and their output the node takes no jobs. Absent: 512, or 5 % on small disks. 0: no minimum. */
    minFreeDiskMb: z.int().min(0).optional(),
    /** The agent replaces its key when it is this old; absent: when the server says so, by default after 30 days. */
    rotateKeyDays: z.number().positive().max(36_500).optional(),
    /** Labels of the node, in addition to those that are detected. */
    labels: group(labels()),
    /** Logins that jobs may pull their images with, by the name that jobs use for them. */
    registries: group(registryLogins),
    /** The account that jobs run as, to which the agent must be able to switch; absent: the agent's own. */
    runAs: runAsAccount.optional(),
    /** The files of jobs that are kept for the next jobs. */
    cache: group(
      z.strictObject({
        /** MiB. Absent: 10 GiB, or 20 % of the free disk if that is less. 0: only what running jobs need. */
        maxMb: z.int().min(0).optional(),
      }),
    ),
    /** The most that is collected of the outputs of one job, in MiB; absent: no limit but the server's. */
    outputs: group(
      z.strictObject({
        maxFileMb: z.int().positive().optional(),
        maxMb: z.int().positive().optional(),
      }),
    ),
    /** How workflows run here. */
    workflows: group(
      z.strictObject({
        /** What a label of `runs-on` asks of the labels of the node: `{ubuntu-latest: {os: linux}}`. */
        runsOn: group(recordOf(z.string().min(1).max(200), labels())),
        /** Where actions are fetched from: the beginning of the address of OWNER/REPO. Absent: https://github.com. */
        actionsUrl: z
          .string()
          .regex(/^(https?|ssh|git|file):\/\/\S+$/, {
            error: "must be an address, such as https://github.com",
          })
          .optional(),
      }),
    ),
    /** What jobs may do on this machine. */
    allow: group(nodeAllow),
    /** What containers may have in addition to the rights of the agent's account. */
    docker: group(dockerGrants),
  })
  .superRefine((file, context) => {
    // A mistake in one of the two is reported already.
    if (!nodeAllow.safeParse(file.allow).success || !dockerGrants.safeParse(file.docker).success) return;
    // The node announces both together, so they must be valid together.
    const checked = nodeAllow.safeParse(allowOf(file));
    for (const { path, message } of checked.success ? [] : issuesOf(checked.error)) {
      context.addIssue({ code: "custom", path: ["allow", ...path], message });
    }
  });
export type AgentFile = z.infer<typeof agentFile>;

/** What the file lets jobs do: its `allow` and `docker` parts together. */
export function allowOf({ allow, docker }: Pick<AgentFile, "allow" | "docker">): NodeAllow {
  return {
    ...allow,
    mounts: [...allow.mounts, ...docker.mounts],
    capabilities: [...allow.capabilities, ...docker.capabilities],
  };
}
