import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { BuiltinAction, BuiltinCall, StepEnd, StepState } from "../job.ts";
import { checkOutOther } from "./checkout-other.ts";
import { checkOutOwn } from "./checkout-own.ts";
import type { Checkout } from "./checkout-request.ts";
import { extraHeaderKey, git, loginEnvironment, loginHeader, mustGit } from "./git.ts";
import { githubText } from "./github-text.ts";
import { say } from "./parts.ts";
import type { RepositoryFinder } from "./repository-finder.ts";

const INPUTS: BuiltinAction["inputs"] = {
  repository: {},
  ref: {},
  token: {},
  "ssh-key": {},
  "ssh-known-hosts": {},
  "ssh-strict": { default: "true" },
  "ssh-user": { default: "git" },
  "persist-credentials": { default: "true" },
  path: {},
  clean: { default: "true" },
  filter: {},
  "sparse-checkout": {},
  "sparse-checkout-cone-mode": { default: "true" },
  "fetch-depth": { default: "1" },
  "fetch-tags": { default: "false" },
  "show-progress": { default: "true" },
  lfs: { default: "false" },
  submodules: { default: "false" },
  "set-safe-directory": { default: "true" },
  "github-server-url": {},
};

/** Names of STATE_*: what the post part needs. */
const HEADER_STATE = "tanvritHeader";

/**
 * actions/checkout. The workflow's own repository is the working copy of the run, copied without network, with changes that
 * are not committed; other refs of it and other repositories come through git.
 */
export function checkoutAction(finder: RepositoryFinder): BuiltinAction {
  return {
    inputs: INPUTS,
    main: (call) => checkOut(call, finder),
    post: removeCredentials,
  };
}

async function checkOut(call: BuiltinCall, finder: RepositoryFinder): Promise<StepEnd> {
  const { step, inputs } = call;
  const checkout = readInputs(call);
  const own = githubText(step.job, "repository");
  await empty(checkout.directory, isOn(inputs.clean));
  if (checkout.repository.toLowerCase() === own.toLowerCase()) await checkOutOwn(checkout);
  else await checkOutOther(checkout, finder);
  if (inputs["ssh-key"]) notice(step, "ssh-key is ignored: set token, or let git on this machine log in.");
  const { directory } = checkout;
  const hasGit = Bun.which("git") !== null && existsSync(join(directory, ".git"));
  if (hasGit) {
    await narrow(checkout, inputs);
    await addSubmodules(checkout, inputs);
    if (isOn(inputs.lfs)) await fetchLargeFiles(checkout);
    await trust(checkout, step);
    await keepCredentials(checkout, step, inputs);
  } else {
    say(step, "The files come without .git: git commands will not work here.");
  }
  const head = hasGit
    ? await git(["-C", directory, "rev-parse", "HEAD"], { signal: step.cancel })
    : undefined;
  step.setOutput("ref", checkout.ref || githubText(step.job, "ref"));
  step.setOutput("commit", head?.ok ? head.stdout.trim() : githubText(step.job, "sha"));
  return { outcome: "success" };
}

function readInputs({ step, inputs }: BuiltinCall): Checkout {
  const directory = directoryOf(step, inputs.path ?? "");
  const repository = inputs.repository || githubText(step.job, "repository");
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository))
    throw new Error(`Invalid repository '${repository}'. Expected format {owner}/{repo}.`);
  const depth = Number(inputs["fetch-depth"] || "1");
  return {
    job: step.job,
    signal: step.cancel,
    say: (text) => say(step, text),
    repository,
    ref: inputs.ref ?? "",
    directory,
    depth: Number.isFinite(depth) && depth >= 0 ? Math.floor(depth) : 0,
    tags: isOn(inputs["fetch-tags"]),
    token: inputs.token || githubText(step.job, "token"),
    serverUrl: (
      inputs["github-server-url"] ||
      githubText(step.job, "server_url") ||
      "https://github.com"
    ).replace(/\/+$/, ""),
  };
}

/** Where `path` is on this machine; in a container, `github.workspace` is the container's own path. */
function directoryOf({ job }: StepState, path: string): string {
  const { workspace } = job.plan.directories;
  const guest = job.host.guestPath(workspace);
  const isGuest = path === guest || path.startsWith(`${guest}/`);
  const directory = resolve(workspace, isGuest ? `.${path.slice(guest.length)}` : path);
  if (relative(workspace, directory).startsWith(".."))
    throw new Error(`Repository path '${directory}' is not under '${workspace}'. Write a path inside it.`);
  return directory;
}

/** The directory itself stays: it may be mounted in containers. */
async function empty(directory: string, clean: boolean): Promise<void> {
  await mkdir(directory, { recursive: true });
  if (!clean) return;
  for (const name of await readdir(directory)) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

/** `sparse-checkout`: only these directories, or files that match these patterns. */
async function narrow({ signal, directory }: Checkout, inputs: BuiltinCall["inputs"]): Promise<void> {
  const patterns = (inputs["sparse-checkout"] ?? "").split("\n").filter((line) => line.trim() !== "");
  if (patterns.length === 0) return;
  // Git leaves files alone of which it does not know that they are unchanged. Changed ones make it fail, and stay.
  await git(["-C", directory, "update-index", "-q", "--refresh"], { signal });
  const mode = isOn(inputs["sparse-checkout-cone-mode"]) ? "--cone" : "--no-cone";
  await mustGit(["-C", directory, "sparse-checkout", "set", mode, ...patterns.map((one) => one.trim())], {
    signal,
  });
}

async function addSubmodules(
  { signal, directory, depth, token, serverUrl }: Checkout,
  inputs: BuiltinCall["inputs"],
): Promise<void> {
  const wanted = (inputs.submodules ?? "").toLowerCase();
  if ((wanted !== "true" && wanted !== "recursive") || !existsSync(join(directory, ".gitmodules"))) return;
  const submodules = (
    await mustGit(["-C", directory, "config", "-f", ".gitmodules", "--get-regexp", "\\.path$"], {
      signal,
    })
  )
    .split("\n")
    .map((line) => line.slice(line.indexOf(" ") + 1));
  const missing: string[] = [];
  for (const path of submodules) {
    const names = await readdir(join(directory, path)).catch(() => []); // not even its directory is there
    if (names.filter((name) => name !== ".git").length === 0) missing.push(path);
  }
  if (missing.length === 0) return;
  const flags = [
    ...(wanted === "recursive" ? ["--recursive"] : []),
    ...(depth > 0 ? [`--depth=${depth}`] : []),
  ];
  await mustGit(["-C", directory, "submodule", "update", "--init", "--force", ...flags, "--", ...missing], {
    signal,
    env: loginEnvironment(serverUrl, token),
  });
}

async function fetchLargeFiles({ signal, directory, token, serverUrl, job }: Checkout): Promise<void> {
  if ((await git(["lfs", "version"], { signal })).ok) {
    await mustGit(["-C", directory, "lfs", "pull"], { signal, env: loginEnvironment(serverUrl, token) });
    return;
  }
  const message = "lfs: true has no effect, because this machine has no git-lfs. Install it.";
  job.services.report.annotate({ level: "warning", message });
}

/** In a container the files may belong to another account than that of the steps; git would refuse to work with them. */
async function trust({ job, signal, directory }: Checkout, step: StepState): Promise<void> {
  const { host, plan } = job;
  if (host.guestPath(plan.directories.workspace) === plan.directories.workspace) return;
  const program = await host.which("git", []);
  if (program === undefined) return;
  await host.run({
    argv: [program, "config", "--global", "--add", "safe.directory", host.guestPath(directory)],
    cwd: host.guestPath(plan.directories.workspace),
    env: { PATH: await host.basePath(), ...step.env() },
    onOutput: () => {},
    cancel: signal,
  });
}

/** `persist-credentials`: later steps can push with the token. */
async function keepCredentials(
  { directory, token, serverUrl }: Checkout,
  step: StepState,
  inputs: BuiltinCall["inputs"],
): Promise<void> {
  if (!isOn(inputs["persist-credentials"]) || token === "" || !/^https?:/.test(serverUrl)) return;
  step.job.services.report.mask(btoa(`x-access-token:${token}`));
  await mustGit(["-C", directory, "config", "--local", extraHeaderKey(serverUrl), loginHeader(token)], {
    signal: step.cancel,
  });
  step.state.set(HEADER_STATE, JSON.stringify({ directory, key: extraHeaderKey(serverUrl) }));
}

async function removeCredentials({ step }: BuiltinCall): Promise<StepEnd> {
  const kept = step.state.get(HEADER_STATE);
  if (kept !== undefined) {
    const { directory, key } = JSON.parse(kept) as { directory: string; key: string };
    // It fails if a step removed the repository or the key.
    if (existsSync(join(directory, ".git")))
      await git(["-C", directory, "config", "--local", "--unset-all", key], { signal: step.cancel });
  }
  return { outcome: "success" };
}

function notice(step: StepState, message: string): void {
  step.job.services.report.annotate({ level: "notice", message, step: step.number });
}

function isOn(value: string | undefined): boolean {
  return (value ?? "").trim().toLowerCase() === "true";
}
