import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { type StoredSession, storedSession } from "../../cmd/credentials/store.ts";
import { makeScratch, type Scratch } from "./scratch.ts";
import { waitFor } from "./wait.ts";

const SERVICE = "com.tanvrit.compute.cli";
const TOOLS = ["dbus-daemon", "gnome-keyring-daemon", "secret-tool"];
const TOOL_LIMIT_MS = 10_000;
const PASSWORD = "of this test only";

/** A real Secret Service on its own bus. It is separate from the keychain of the person who runs the tests. */
export class TestKeychain implements AsyncDisposable {
  private constructor(
    private readonly scratch: Scratch,
    private readonly bus: Bun.Subprocess,
    private daemon: Bun.Subprocess,
  ) {}

  static async start(): Promise<TestKeychain> {
    const missing = missingKeychain();
    if (missing) throw new Error(missing);
    const scratch = await makeScratch();
    await writeFile(scratch.join("bus.xml"), busConfig(scratch));
    const bus = launch(scratch, ["dbus-daemon", "--nofork", `--config-file=${scratch.join("bus.xml")}`]);
    await waitFor("the bus to listen", () => existsSync(scratch.join("bus")));
    const keychain = new TestKeychain(scratch, bus, launchDaemon(scratch, PASSWORD));
    await keychain.untilAnswering();
    return keychain;
  }

  /** The environment in which a program finds this keychain and chooses it by default. */
  get env(): Record<string, string> {
    return { ...busEnv(this.scratch), TANVRIT_CREDENTIAL_STORE: "" };
  }

  /** The names of all our entries. */
  async names(): Promise<string[]> {
    const { stdout, stderr } = this.tool(["search", "--all", "service", SERVICE]);
    // The attributes go to standard error, everything else to standard output.
    return [...`${stdout}\n${stderr}`.matchAll(/^attribute\.account = (.*)$/gm)]
      .map((m) => m[1] ?? "")
      .sort();
  }

  /** The session in the entry with this name, read by a program other than ours. */
  session(name: string): Required<StoredSession> {
    const { stdout } = this.tool(["lookup", "service", SERVICE, "account", name]);
    return storedSession().required().parse(JSON.parse(stdout));
  }

  replace(name: string, session: StoredSession): void {
    const entry = { service: SERVICE, name, value: JSON.stringify(session) };
    const code = `await Bun.secrets.set(${JSON.stringify(entry)})`;
    this.finish([process.execPath, "-e", code]);
  }

  /** Locks it: it runs and keeps its contents, but has nobody to ask for the password. */
  async lock(): Promise<void> {
    await this.startAgain(undefined);
  }

  async unlock(): Promise<void> {
    await this.startAgain(PASSWORD);
  }

  /** Stops it: it runs but does not answer, like a keychain that waits for a person. */
  hang(): void {
    this.daemon.kill("SIGSTOP");
  }

  goOn(): void {
    this.daemon.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of [this.daemon, this.bus]) {
      part.kill("SIGKILL");
      await part.exited;
    }
    await this.scratch[Symbol.asyncDispose]();
  }

  private async startAgain(password: string | undefined): Promise<void> {
    this.daemon.kill("SIGTERM");
    await this.daemon.exited;
    this.daemon = launchDaemon(this.scratch, password);
    await this.untilAnswering();
  }

  private async untilAnswering(): Promise<void> {
    // A search that finds nothing succeeds. A search without a keychain on the bus fails.
    await waitFor("the keychain to answer", () => this.tool(["search", "service", "nothing"]).exitCode === 0);
  }

  private tool(args: string[]) {
    return this.finish(["secret-tool", ...args]);
  }

  private finish(command: string[]) {
    const ended = Bun.spawnSync(command, {
      env: { ...process.env, ...busEnv(this.scratch) },
      stdin: "ignore",
      timeout: TOOL_LIMIT_MS,
    });
    return { exitCode: ended.exitCode, stdout: String(ended.stdout), stderr: String(ended.stderr) };
  }
}

/** What this machine lacks for tests with a keychain, and how to get it. */
export function missingKeychain(): string | undefined {
  const missing = TOOLS.filter((tool) => !Bun.which(tool));
  if (missing.length === 0) return undefined;
  const packages = "gnome-keyring libsecret-1-0 libsecret-tools dbus";
  return `${missing.join(", ")} not on PATH; on Linux, install the packages ${packages}`;
}

/** Without a password, the keychain starts locked. */
function launchDaemon(scratch: Scratch, password: string | undefined): Bun.Subprocess {
  const command = ["gnome-keyring-daemon", "--foreground", "--components=secrets"];
  if (password === undefined) return launch(scratch, command);
  return launch(scratch, [...command, "--unlock"], new Blob([password]));
}

function launch(scratch: Scratch, command: string[], stdin: Blob | "ignore" = "ignore"): Bun.Subprocess {
  const own = { HOME: scratch.path, XDG_RUNTIME_DIR: scratch.path, XDG_DATA_HOME: scratch.join("data") };
  return Bun.spawn(command, {
    env: { PATH: process.env.PATH ?? "", ...own, ...busEnv(scratch) },
    stdin,
    stdout: "ignore",
    stderr: "ignore",
  });
}

function busEnv(scratch: Scratch): Record<string, string> {
  return { DBUS_SESSION_BUS_ADDRESS: `unix:path=${scratch.join("bus")}` };
}

/** A session bus that does not start services by itself, so that no prompt window opens. */
function busConfig(scratch: Scratch): string {
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${scratch.join("bus")}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;
}
