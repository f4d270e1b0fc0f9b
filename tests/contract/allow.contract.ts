import { describe, expect, test } from "bun:test";
import { queueKeyOf } from "../../server/job/requirement.ts";
import { nodeAllow } from "../../shared/allow.ts";
import { newId } from "../../shared/ids.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { jobOf, nodeOf } from "./control-plane.contract.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

/** What every adapter must do when a node's owner restricts which jobs may run. */
export function allowContract(name: string, open: () => Promise<ControlPlaneStores>): void {
  describe(`${name}: what a node's owner allows`, () => {
    test("a node never gets a job that its owner does not allow, even if such jobs are first in the queue", async () => {
      const stores = await open();
      try {
        const businessId = newId("biz");
        const [usr, stranger] = [newId("usr"), newId("usr")];
        const job = (manifest: Partial<JobManifestInput>, userId = usr) => {
          const parsed = jobOf(businessId, manifest);
          return { ...parsed, userId, queueKey: queueKeyOf(parsed.manifest, userId) };
        };
        const python = { type: "DOCKER" as const, image: "python:3" };
        const refused = [
          job({ ...python, image: "evil:1" }),
          job({ ...python, docker: { network: "host" } }),
          job({ ...python, docker: { capAdd: ["NET_RAW"] } }),
          job({ ...python, docker: { mounts: [{ type: "bind", source: "/etc", target: "/m" }] } }),
          job({}),
          job(python, stranger),
        ];
        const allowed = job({ ...python, image: "python:3.13" });
        const jobs = [...refused, allowed];
        await stores.jobs.insert(jobs.map((queued) => ({ job: queued, idempotency: undefined })));
        const node = nodeOf(businessId);
        node.description.jobTypes = ["COMMAND", "DOCKER"];
        const allow = { executors: ["DOCKER" as const], images: ["python:*"], users: [usr] };
        node.description.allow = nodeAllow.parse(allow);
        await stores.nodes.insert(node);
        const request = { nodeId: node.nodeId, businessId, limit: 100, nowMs: Date.now() };
        const [assigned = []] = await stores.assignments.assign([
          { ...request, leaseExpiresAtMs: request.nowMs + 60_000 },
        ]);
        expect(assigned.map((given) => given.job.jobId)).toEqual([allowed.jobId]);
      } finally {
        await stores.close();
      }
    });
  });
}
