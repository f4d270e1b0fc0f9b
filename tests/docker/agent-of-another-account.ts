/**
 * Runs one job under the account that started this program, removes the job's directory, and prints what it saw. Kills
 * itself with SIGKILL once the job prints `die`. Started again in the same place without a job, it cleans up.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DockerExecutor } from "../../agent/executors/docker/docker-executor.ts";
import { plainGrants } from "../../agent/executors/docker/settings.ts";
import { agentFile, allowOf } from "../../agent/profile/agent-file.ts";
import { newId } from "../../shared/ids.ts";
import { jobManifest } from "../../shared/manifest.ts";

const [root = "", manifest] = process.argv.slice(2);
const dir = join(root, "work");
/** The content of its agent.yaml. */
const file = agentFile.parse(JSON.parse(process.env.AGENT_FILE ?? "{}"));
const grants = { ...plainGrants, docker: file.docker, allow: allowOf(file) };
const executor = new DockerExecutor({
  agentId: root,
  environment: process.env,
  settings: () => grants,
});
const said: string[] = [];
const text: string[] = [];

async function run(manifest: string): Promise<object> {
  mkdirSync(dir, { mode: 0o700 });
  const task = await executor.start(
    {
      nodeId: newId("node"),
      limits: {},
      gpus: [],
      environment: {},
      dir,
      assignment: {
        executionId: newId("exe"),
        jobId: newId("job"),
        attempt: 1,
        manifest: jobManifest.parse({ type: "DOCKER", ...JSON.parse(manifest) }),
        resources: { cpu: 0, memoryMb: 0, gpuCount: 0 },
        gpuIndexes: [],
        leaseExpiresAt: new Date(Date.now() + 60_000).toISOString(),
      },
      output: {
        write: (_stream, bytes) => {
          text.push(Buffer.from(bytes).toString());
          if (text.join("").includes("die\n")) process.kill(process.pid, "SIGKILL");
          return undefined;
        },
        system: (line) => void said.push(line),
      },
    },
    AbortSignal.timeout(60_000),
  );
  return task.wait();
}

const failed = (error: unknown) => ({ failed: String(error) });
const exit = await (manifest === undefined ? executor.recover([]) : run(manifest)).catch(failed);
let left: string[] = [];
try {
  rmSync(dir, { recursive: true, force: true });
} catch {
  left = readdirSync(dir);
}
console.log(JSON.stringify({ exit, said, left, text }));
