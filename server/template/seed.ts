import type { PeriodicTask } from "../tasks/periodic.ts";
import type { TemplateStore } from "./template-store.ts";

const DAY_MS = 24 * 3_600_000;

/** `compute-template-seed`: stores the builtin templates of this release as their newest version. */
export function templateSeedTask(templates: TemplateStore): PeriodicTask {
  return {
    name: "compute-template-seed",
    intervalMs: DAY_MS,
    // Servers may run different releases, so each seeds its own templates; the store writes each content once.
    runsOn: "each",
    async runOnce(nowMs) {
      // Loaded only now, because a starting server should listen before it reads templates.
      const { builtinTemplates } = await import("./builtin/index.ts");
      for (const { name, ...content } of builtinTemplates()) {
        const contentHash = new Bun.CryptoHasher("sha256")
          .update(JSON.stringify(content))
          .digest("base64url");
        await templates.seed({ name, content, contentHash }, nowMs);
      }
      return { nextDueAtMs: undefined };
    },
  };
}
