import { afterAll, describe, expect, test } from "bun:test";
import { testImage } from "../support/docker.ts";
import { DockerStage } from "./docker-stage.ts";

const stage = new DockerStage();
const image = await testImage();
afterAll(async () => {
  await stage.executor.close();
  stage[Symbol.dispose]();
});

describe("the docker executor", () => {
  test("runs a list as the argument vector and a text by sh -c, and keeps the streams apart", async () => {
    const list = await stage.run({ image, command: ["echo", "a b", "$HOME"] });
    expect(list).toMatchObject({ exit: { exitCode: 0 }, text: { stdout: "a b $HOME\n", stderr: "" } });
    const text = await stage.run({ image, command: "echo out; echo err >&2; exit 3" });
    expect(text).toMatchObject({ exit: { exitCode: 3 }, text: { stdout: "out\n", stderr: "err\n" } });
    expect(await stage.containers()).toEqual([]);
  });
});
