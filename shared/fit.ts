import { z } from "zod";
import { nodeId } from "./ids.ts";

/**
 * Whether a job can run on a node. `fits`: now. `busy`: once the node has room. `unavailable`: once the node takes jobs
 * again. `never`: not unless the job or the node changes.
 */
export const fitVerdict = z.enum(["fits", "busy", "unavailable", "never"]);
export type FitVerdict = z.infer<typeof fitVerdict>;

/** The rules a node must meet, in the order they are checked. */
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

/** How a job fits on a node: the first rule that fails now, in words. */
export const nodeFit = z.object({
  nodeId,
  name: z.string(),
  verdict: fitVerdict,
  /** Absent if the job fits. */
  rule: fitRule.optional(),
  detail: z.string(),
});
export type NodeFit = z.infer<typeof nodeFit>;

/** How a job fits on each node of a business, the most promising node first. */
export const fitReport = z.object({
  nodes: z.array(nodeFit),
  /** There are more nodes than were checked. */
  moreNodes: z.boolean(),
  /** If no node could ever run it: what would have to change for the node that comes closest. */
  hint: z.string().optional(),
});
export type FitReport = z.infer<typeof fitReport>;

/** What a job waits for. `nothing`: it is not queued. `turn`: there is room, and it is assigned next. */
export const waitsFor = z.enum(["nothing", "time", "job", "group", "node", "turn"]);
export type WaitsFor = z.infer<typeof waitsFor>;
