import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { type AgentEnd, runAgent } from "../../agent/agent.ts";
import { replaceAgent } from "../../agent/control/stop-agent.ts";
import { agentOptions } from "../../agent/options.ts";
import { keepProcessPrivate } from "../../agent/process/private-process.ts";
import { agentFile } from "../../agent/profile/agent-file.ts";
import { readNodeFile } from "../../agent/state/node-file.ts";
import { statePaths } from "../../agent/state/state-dir.ts";
import packageJson from "../../package.json" with { type: "json" };
import { ComputeClient } from "../../sdk/client.ts";
import { defineOptions, flagOption, optionNumber, optionText } from "../../shared/config/options.ts";
import { ENROLMENT_TOKEN_PREFIX } from "../../shared/enrolment.ts";
import type { Logger } from "../../shared/logger.ts";
import { textLogger } from "../../shared/logger.ts";
import { nodeHeaders } from "../../shared/node.ts";
import { givenOpenFiles, raiseOpenFiles } from "../../shared/open-files.ts";
import { selfCommand } from "../../shared/self-command.ts";
import { defineCommand } from "../command/command.ts";
import { connectionOptions } from "../connection/connection-options.ts";
import { proxyFor } from "../connection/proxy.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import { stopSignals } from "../exit/stop-signals.ts";
import { fileName, readTextFile } from "../input/read-file.ts";
import { requireKnownCertificate } from "./known-certificate.ts";
import { MachineSignIn } from "./machine-sign-in.ts";
import { readProfile } from "./profile.ts";
import { withoutCollectionTimer } from "./quiet-runtime.ts";
import { chooseAgentWorkspace, proofForAgent } from "./server-of-node.ts";
import { readAgentFile } from "./settings.ts";
import { agentStateDir } from "./state.ts";

const GET_TOKEN = "Get one with tanvrit-compute node enroll";

const enrolmentToken = optionText.refine((text) => text.startsWith(ENROLMENT_TOKEN_PREFIX), {
  error: `must be a token from node enroll, which begins with ${ENROLMENT_TOKEN_PREFIX}`,
});

const options = defineOptions({
  ...agentOptions,
  enroll: {
    kind: "value",
    placeholder: "TOKEN",
    env: "TANVRIT_ENROLL_TOKEN",
    schema: () => enrolmentToken,
    help: "A token from node enroll, with which this machine registers if it is no node yet",
  },
  "enroll-file": {
    kind: "value",
    placeholder: "FILE",
    env: "TANVRIT_ENROLL_TOKEN_FILE",
    schema: () => optionText.min(1),
    help: "A file with such a token; - is stdin",
  },
  once: flagOption("Take one job, report it, and exit"),
  "max-jobs": {
    kind: "value",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, integer: true }),
    help: "Take N jobs in all, report them, and exit",
  },
  "idle-exit": {
    kind: "value",
    placeholder: "SECONDS",
    schema: () => optionNumber({ min: 0, unit: "seconds" }),
    help: "Exit when nothing has run for this long",
  },
  replace: flagOption(
    "Replace the agent that is running here and continue its jobs, for example after an upgrade",
  ),
  ...connectionOptions,
});

export const command = defineCommand({
  options,
  examples: [
    {
      line: "agent run --workspace local",
      does: "Offer this machine's cores to the server you are signed in to",
    },
    {
      line: "agent run --label disk=ssd --slots 4",
      does: "At most 4 jobs at once, with a label that jobs can ask for",
    },
    {
      line: "agent run --enroll-file token --url https://compute.example.org:7070",
      does: "On a machine without a person, with a token from node enroll",
    },
    { line: "agent run --replace", does: "After an upgrade: its jobs continue under the new program" },
    { line: "agent run --max-jobs 10 --idle-exit 300", does: "On a machine that exists only for a while" },
  ],
  details:
    "With --enroll the machine registers without a person, once: from then on it has a key of its own, in the agent's\n" +
    "directory, and needs the token no more. Other accounts of the machine do not see the token in the list of processes.\n" +
    "After SIGTERM or Ctrl-C it takes no new jobs and ends when its jobs have ended; a second signal cancels them. If\n" +
    "anything else ends it, its jobs keep running, and the next agent run here takes them over.\n" +
    "A change of agent.yaml applies to jobs from then on; SIGHUP also looks again for GPUs and Docker.\n" +
    "With --once, --max-jobs or --idle-exit it exits with 0 when every job it took is reported, however the jobs ended,\n" +
    "and with 75 when a report could not reach the server; the next start sends it.",
  readConfig: readAgentFile,
  async run({ options, config, configPath, readAgain, env, output }) {
    if (agentFile.parse(config ?? {}).idleSuspendSeconds !== undefined) withoutCollectionTimer(env);
    const token = await enrolmentTokenOf(options);
    keepProcessPrivate(env, token);
    raiseOpenFiles();
    const workspace = await chooseAgentWorkspace(env, options);
    const maxJobs = maxJobsOf(options);
    const { url } = workspace;
    const stateDir = agentStateDir(env, workspace.name);
    // A log line that cannot be written must not stop the jobs.
    const log = textLogger((line) => void output.note(line).catch(() => undefined));
    const settings = { options, config, configPath };
    const { profile, source, terminalGone } = await readProfile({ env, log, settings, readAgain });
    if (options.url === undefined && !workspace.known)
      log.info(
        `The server is ${url}${isRemembered(stateDir, url) ? ", where this agent is registered" : ""}.`,
      );
    const proof = proofForAgent(workspace, stateDir, log);
    await requireKnownCertificate(url, proof);
    const signals = stopSignals();
    if (options.replace) await takeThePlace(stateDir, log);
    const clientWith = (headers: Record<string, string>) =>
      new ComputeClient({ url, proof, credentials: { headers: () => headers } });
    const watching = new AbortController();
    const signIn = new MachineSignIn(env, { ...workspace, proof }, watching.signal);
    const end = await runAgent({
      client: new ComputeClient({ url, proof, credentials: signIn }),
      enrolClient: token === undefined ? undefined : clientWith({ "x-api-key": token }),
      // An agent that exists only for a while must not wait for a person.
      signIn: maxJobs === undefined ? signIn : undefined,
      createNodeClient: (nodeKey, runId) => clientWith(nodeHeaders(nodeKey, runId)),
      proof,
      proxy: proxyFor(url, env),
      stateDir,
      profile,
      profileSource: source,
      maxJobs,
      idleExitSeconds: options["idle-exit"],
      supervisor: { command: [...selfCommand(), "agent", "supervise"], build: buildOf(process.execPath) },
      environment: env,
      openFiles: givenOpenFiles(),
      log,
      stop: signals.stop,
      cancelAll: signals.hurry,
      leave: terminalGone,
    }).finally(() => watching.abort());
    const isForAWhile = maxJobs !== undefined || options["idle-exit"] !== undefined;
    return isForAWhile ? exitCodeOf(end) : exitCodes.ok;
  },
});

/** The token that this machine may register with; undefined: it was given none. */
async function enrolmentTokenOf(given: {
  enroll?: string;
  "enroll-file"?: string;
}): Promise<string | undefined> {
  const { enroll, "enroll-file": file } = given;
  if (enroll !== undefined || file === undefined) return enroll;
  const parsed = enrolmentToken.safeParse((await readTextFile(file)).trim());
  if (parsed.success) return parsed.data;
  throw new CliError("bad_data", `${fileName(file)} holds no enrolment token`, { todo: GET_TOKEN });
}

/** Whether the node registered at this URL last. */
function isRemembered(stateDir: string, url: string): boolean {
  return readNodeFile(statePaths(stateDir).nodeFile)?.url === url;
}

function maxJobsOf(given: { once: boolean; "max-jobs"?: number }): number | undefined {
  const maxJobs = given["max-jobs"];
  if (!given.once) return maxJobs;
  if (maxJobs === undefined || maxJobs === 1) return 1;
  throw new CliError("usage", `--once and --max-jobs ${maxJobs} cannot be used together`, {
    todo: "Use only one of them",
  });
}

async function takeThePlace(stateDir: string, log: Logger): Promise<void> {
  const startMs = performance.now();
  const problem = await replaceAgent(stateDir);
  if (problem !== undefined) {
    throw new CliError("try_again", `cannot replace the agent that is running here: ${problem}`, {
      todo: "See tanvrit-compute agent status; if its process is killed, its jobs keep running",
    });
  }
  log.info(`The previous agent left within ${Math.round(performance.now() - startMs)} ms.`);
}

function exitCodeOf({ running, undelivered }: AgentEnd): number {
  return running + undelivered === 0 ? exitCodes.ok : exitCodes.tryAgain;
}

/** Identifies a build of this program: another version, or another file of the same version, is another build. */
function buildOf(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return createHash("sha256").update(`${packageJson.version} ${size} ${mtimeMs}`).digest("hex").slice(0, 8);
}
