import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Person } from "../support/person.ts";
import { Running } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { stopSupervisors } from "../support/supervisors.ts";
import { waitFor } from "../support/wait.ts";

const NOBODY = "65534";
/** Long enough that this path fits into a socket address, but a deeper path does not. */
const CONTROL_PATH_BYTES = 90;

/** Plays a supervisor on a socket whose path is guessed from the agent's, and prints what it receives. */
const TRAP = `
  import { chmodSync, mkdirSync } from "node:fs";
  const [place, unix] = process.argv.slice(1);
  mkdirSync(place, { recursive: true, mode: 0o755 });
  const hello = JSON.stringify({ type: "hello", protocol: 1, pid: 1, executions: [], enforcedBy: {} }) + "\\n";
  Bun.listen({ unix, socket: {
    open: (socket) => { console.log("asked"); socket.write(hello); },
    data: (_, bytes) => { console.log("sent", bytes.toString()); },
  } });
  chmodSync(unix, 0o777);
  console.log("listening");`;

function trapAt(place: string, socket: string): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  const as = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  return Bun.spawn([...as, process.execPath, "-e", TRAP, place, socket], {
    cwd: "/",
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

test("a supervisor's socket that another account took over gets no job, and the agent says why it does not start", async () => {
  await using person = await Person.withServer();
  await using scratch = await makeScratch();
  chmodSync(scratch.path, 0o755);
  const shared = scratch.join("tmp");
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  // A path so long that the supervisor's socket does not fit and moves to the shared directory.
  const home = scratch.join("h".repeat(CONTROL_PATH_BYTES - scratch.join("/agent/local/control").length));
  const token = await person.get(["auth", "print-token"]);
  const env = {
    TANVRIT_HOME: home,
    TMPDIR: shared,
    XDG_RUNTIME_DIR: "",
    TANVRIT_URL: person.server.url,
    TANVRIT_TOKEN: token,
  };
  {
    await using agent = new Running(scratch.path, ["agent", "run"], env);
    await agent.said(/node_[0-9a-z]{26}/);
    await agent.stop("SIGTERM");
  }
  await stopSupervisors(home);
  const place = join(shared, `tanvrit-compute-${process.getuid?.()}`);
  await waitFor("the path to be free", () => !existsSync(place));
  const [name = ""] = readdirSync(join(home, "agent/local/supervisors"));
  const path = join(home, "agent/local/supervisors", name, "socket");
  const socket = join(place, createHash("sha256").update(path).digest("hex").slice(0, 24));
  const trap = trapAt(place, socket);
  let heard = "";
  const reading = (async () => {
    for await (const chunk of trap.stdout) heard += new TextDecoder().decode(chunk);
  })();
  try {
    await waitFor("the trap", () => heard.includes("listening") || undefined);
    await using agent = new Running(scratch.path, ["agent", "run"], env);
    expect(await agent.ended()).not.toBe(0);
    expect(agent.stderr).toContain("does not belong to this account alone");
    expect(heard).toContain("asked");
    expect(heard).not.toContain("sent");
  } finally {
    trap.kill("SIGKILL");
    await reading;
  }
});
