import { z } from "zod";
import { nodeId } from "./ids.ts";

/**
 * Whether a job could run on a node. `fits`: now. `busy`: when there is room. `unavailable`: when the node takes jobs
 * again. `never`: not as the job and the node are.
 */
export const fitVerdict = z.enum(["fits", "busy", "unavailable", "never"]);
export type FitVerdict = z.infer<typeof fitVerdict>;

/** The rules a node must meet, in the order they are looked at. */
export const fitRule = z.enum([
  "type",
  "allow",
  "pool",
  "label",
  "selector",
  "cpu",
  "memory",
  "gpu",
  "signed-out",
  "offline",
  "draining",
  "refusing",
  "room",
]);

/** How a node stands to a job: the first rule that fails now, in words. */
export const nodeFit = z.object({
  nodeId,
  name: z.string(),
  verdict: fitVerdict,
  /** Absent where the job fits. */
  rule: fitRule.optional(),
  detail: z.string(),
});
export type NodeFit = z.infer<typeof nodeFit>;

/** How all nodes of a business stand to a job, the most promising first. */
export const fitReport = z.object({
  nodes: z.array(nodeFit),
  /** There are more nodes than were looked at. */
  moreNodes: z.boolean(),
  /** Where no node could ever run it: what would have to change for the nearest one. */
  hint: z.string().optional(),
});
export type FitReport = z.infer<typeof fitReport>;

/** What a job waits for. `nothing`: it is not queued. `turn`: there is room for it, and it is handed out next. */
export const waitsFor = z.enum(["nothing", "time", "job", "group", "node", "turn"]);
export type WaitsFor = z.infer<typeof waitsFor>;
