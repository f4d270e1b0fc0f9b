import { describe, expect, test } from "bun:test";
import { createContainer, removeContainer, startContainer } from "../../agent/executors/docker/containers.ts";
import { FrameReader } from "../../agent/executors/docker/frames.ts";
import { testImage } from "../support/docker.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { DockerStage } from "./docker-stage.ts";

const ATTACH_LIMIT_MS = 90_000;
const stage = forAllTests(new DockerStage());

/** How a container behaves that is created with nothing but the image and a command, as by `docker run`. */
async function plainRun(image: string, command: string[] | undefined) {
  const { engine } = stage;
  const id = await createContainer(engine, `tanvrit-test-plain-${crypto.randomUUID()}`, {
    Image: image,
    ...(command ? { Cmd: command } : {}),
  });
  try {
    const stream = await engine.attach(id, AbortSignal.timeout(ATTACH_LIMIT_MS));
    await startContainer(engine, id);
    const { StatusCode } = await engine.json<{ StatusCode: number }>("POST", `/containers/${id}/wait`);
    const frames = new FrameReader();
    let stdout = "";
    for await (const chunk of stream) {
      for (const frame of frames.push(chunk))
        if (frame.stream === "stdout") stdout += Buffer.from(frame.bytes);
    }
    return { exit: { exitCode: StatusCode }, stdout };
  } finally {
    await removeContainer(engine, id);
  }
}

/** Prints its user, its directory, its arguments, and the variables that neither a node nor a job adds. */
const look =
  "id; pwd; echo $0 $*; env | grep -vE '^(HOSTNAME|TANVRIT_.*|TINI_.*|CUDA_.*|ROCR_.*|OLDPWD|SHLVL|_)=' | sort; ls -ld /data 2>&1 | cut -c1-10; exit 3";

describe("an image runs as it was built, just as with docker run", () => {
  const word = JSON.stringify(look);
  const images: [string, string[]][] = [
    ["with a command", [`CMD ["sh", "-c", ${word}, "own", "argument"]`, "WORKDIR /app"]],
    ["with an entrypoint", [`ENTRYPOINT ["sh", "-c", ${word}, "own"]`, "WORKDIR /app"]],
    ["with both", [`ENTRYPOINT ["sh", "-c", ${word}, "own"]`, `CMD ["preset"]`, "WORKDIR /app/deep"]],
    ["with a shell command", [`CMD ${look}`, "WORKDIR /app"]],
    ["with a user by name", [`ENTRYPOINT ["sh", "-c", ${word}]`, "USER ada", "WORKDIR /app"]],
    ["with a user by number", [`ENTRYPOINT ["sh", "-c", ${word}]`, "USER 1234:5678", "WORKDIR /tmp"]],
    ["with variables", [`CMD ["sh", "-c", ${word}]`, "ENV PATH=/opt/x:/bin A=b HOME=/data", "WORKDIR /app"]],
    ["with a volume", [`CMD ["sh", "-c", ${word}]`, "VOLUME /data", "WORKDIR /data"]],
    [
      "with labels, ports and instructions for images built on it",
      [`CMD ["sh", "-c", ${word}]`, "LABEL a=b", "EXPOSE 80", "ONBUILD RUN false", "WORKDIR /app"],
    ],
  ];

  test.each(images)("%s", async (_name, changes) => {
    const image = await testImage({ changes });
    for (const command of [undefined, ["given", "two words"], ["sh", "-c", look]]) {
      const plain = await plainRun(image, command).catch(() => undefined);
      // A command that is not a program in the image fails both ways.
      if (!plain) {
        expect(await stage.start({ image, command }).catch((error) => error.name)).toBe("StartFailedError");
        continue;
      }
      const { exit, text } = await stage.run({ image, ...(command ? { command } : {}) });
      expect({ exit, stdout: text.stdout }).toEqual(plain);
    }
  });

  test("with a health check that runs", async () => {
    const image = await testImage({
      changes: ["HEALTHCHECK --interval=1s --timeout=5s CMD touch /tmp/checked", "WORKDIR /tmp"],
    });
    const command = ["sh", "-c", "until [ -e checked ]; do sleep 0.1; done; echo checked"];
    expect((await stage.run({ image, command })).text.stdout).toBe("checked\n");
  });
});

test("TANVRIT_JOB_DIR names the job's own directory, and the job starts there unless it or its image says otherwise", async () => {
  const app = await testImage({ changes: ["WORKDIR /app"] });
  const plain = await testImage({ changes: ["WORKDIR /"] });
  const out = async (image: string, workdir?: string) =>
    (await stage.run({ image, command: "pwd; cd $TANVRIT_JOB_DIR; pwd; echo x > f", workdir })).text.stdout;
  expect(await out(app)).toBe("/app\n/work\n");
  expect(await out(app, ".")).toBe("/work\n/work\n");
  expect((await out(app, "a")).split("\n")[0]).toEndWith("work/a");
  expect(await out(app, "/tmp")).toBe("/tmp\n/work\n");
  expect(await out(plain)).toBe("/work\n/work\n");
});

describe("a container is asked to end by", () => {
  const deaf =
    "for s in INT TERM QUIT; do trap \"echo $s; exit 7\" $s; done; trap 'echo RT; exit 7' 37; echo up; while :; do sleep 0.05; done";
  const asked = async (image: string, stopSignal?: string) => {
    const { task, text, until } = await stage.start({ image, command: deaf, stopSignal });
    await until("up\n");
    task.stop(20_000);
    expect(await task.wait()).toEqual({ exitCode: 7 });
    return text.stdout.replace("up\n", "").trim();
  };

  test.each([
    ["SIGINT", "INT"],
    ["3", "QUIT"],
    ["SIGRTMIN+3", "RT"],
    ["37", "RT"],
  ])("its image's STOPSIGNAL %s", async (signal, heard) => {
    expect(await asked(await testImage({ changes: [`STOPSIGNAL ${signal}`] }))).toBe(heard);
  });

  test("the job's own stop signal rather than the image's, and TERM if there is none", async () => {
    const image = await testImage({ changes: ["STOPSIGNAL SIGINT"] });
    expect(await asked(image, "QUIT")).toBe("QUIT");
    expect(await asked(image, "RTMIN+3")).toBe("RT");
    expect(await asked(await testImage())).toBe("TERM");
    expect(await asked(await testImage(), "INT")).toBe("INT");
  });

  test("a signal, and if that ends it, the signal is reported", async () => {
    for (const [stopSignal, signal] of [
      [undefined, "SIGTERM"],
      ["INT", "SIGINT"],
      ["QUIT", "SIGQUIT"],
      ["KILL", "SIGKILL"],
    ] as const) {
      const { task, until } = await stage.start({
        image: await testImage(),
        command: "echo up; exec sleep 600",
        stopSignal,
      });
      await until("up\n");
      task.stop(20_000);
      expect(await task.wait()).toEqual({ signal });
    }
  });
});

describe("an image whose program must be process 1", () => {
  const init =
    'if [ $$ != 1 ]; then echo "s6-overlay-suexec: fatal: can only run as pid 1" >&2; exit 100; fi; exec "$@"';
  const changes = [`ENTRYPOINT ["sh", "-c", ${JSON.stringify(init)}, "init"]`];

  test("runs without an init; with an init, the log says how to leave it out", async () => {
    const image = await testImage({ changes });
    const first = await stage.run({ image, command: ["echo", "hi"] });
    expect(first.exit).toEqual({ exitCode: 100 });
    expect(first.said.join("\n")).toContain("--no-init");
    const second = await stage.run({ image, command: ["echo", "hi"], docker: { init: false } });
    expect({ exit: second.exit, out: second.text.stdout, said: second.said }).toEqual({
      exit: { exitCode: 0 },
      out: "hi\n",
      said: [],
    });
  });

  test("gets its stop signal, is killed if it ignores it, and leaves nothing behind", async () => {
    const image = await testImage();
    const docker = { init: false };
    const heard = await stage.start({
      image,
      docker,
      command: "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done",
    });
    await heard.until("up\n");
    heard.task.stop(20_000);
    expect(await heard.task.wait()).toEqual({ exitCode: 5 });
    const unheard = await stage.start({ image, docker, command: "echo up; exec sleep 600" });
    await unheard.until("up\n");
    unheard.task.stop(300);
    expect(await unheard.task.wait()).toEqual({ signal: "SIGKILL" });
    expect(await stage.containers()).toEqual([]);
  });
});
