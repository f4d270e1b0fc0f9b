import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pause } from "../../../shared/wait.ts";
import { StartFailedError } from "../port/executor.ts";
import { Engine } from "./engine.ts";
import { untilCommandRuns } from "./first-look.ts";

/** Podman sometimes takes this long. */
const NOTICED_AFTER_MS = 600;

test.skipIf(process.platform !== "linux")(
  "the error of an init that could not run the command is reported, even if the engine notices its end late",
  async () => {
    const gone = Bun.spawn(["true"]);
    await gone.exited;
    let isNoticed = false;
    const socketPath = join(tmpdir(), `tanvrit-look-${crypto.randomUUID()}.sock`);
    const server = Bun.serve({
      unix: socketPath,
      async fetch({ url }) {
        if (url.endsWith("/version")) return Response.json({ ApiVersion: "1.41", MinAPIVersion: "1.24" });
        if (url.endsWith("/json")) {
          const [Running, ExitCode] = isNoticed ? [false, 1] : [true, 0];
          return Response.json({ State: { Running, Pid: gone.pid, ExitCode } });
        }
        await pause(NOTICED_AFTER_MS);
        isNoticed = true;
        return Response.json({ StatusCode: 1 });
      },
    });
    const engine = new Engine({ url: `unix://${socketPath}`, socketPath });
    const output = frame("ERROR (catatonit:6): failed to exec pid1: No such file or directory\n");
    const failure = await untilCommandRuns(engine, "c", once(output), true).catch((error) => error);
    await server.stop(true);
    rmSync(socketPath, { force: true });
    expect(failure).toBeInstanceOf(StartFailedError);
    expect(failure.message).toEndWith("failed to exec pid1: No such file or directory");
  },
);

/** A frame of stderr, as an attached container sends it. */
function frame(text: string): Uint8Array {
  const head = Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
