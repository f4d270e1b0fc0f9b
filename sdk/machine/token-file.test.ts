import { expect, test } from "bun:test";
import { rename } from "node:fs/promises";
import { makeScratch } from "../../tests/support/scratch.ts";
import { createComputeClient } from "./index.ts";
import { TokenFile } from "./token-file.ts";

test("a token file is read again when it changes, by a write or by another file in its place", async () => {
  await using scratch = await makeScratch();
  const path = scratch.join("token");
  await Bun.write(path, "one\n");
  const file = new TokenFile(path);
  expect(await file.token()).toBe("one");
  await Bun.write(path, "second\n");
  expect(await file.token()).toBe("second");
  await Bun.write(scratch.join("next"), "thirds\n");
  await rename(scratch.join("next"), path);
  expect(await file.token()).toBe("thirds");
  expect(await file.hasChanged()).toBe(false);
});

test.each([
  ["", "is empty"],
  ["one two\n", "does not contain one token alone"],
  ["x".repeat(70_000), "is too long for a token"],
])("a file that holds no token is named, and none of its content", async (content, why) => {
  await using scratch = await makeScratch();
  await Bun.write(scratch.join("token"), content);
  const failure = await new TokenFile(scratch.join("token")).token().catch((error: Error) => error);
  expect(failure).toMatchObject({ name: "TokenFileError", message: expect.stringContaining(why) });
});

test("a missing file and a directory are named", async () => {
  await using scratch = await makeScratch();
  await expect(new TokenFile(scratch.join("none")).token()).rejects.toThrow("there is no such file");
  await expect(new TokenFile(scratch.path).token()).rejects.toThrow("is not a file");
});

test("after a refused token the client reads the file again and sends the new token", async () => {
  await using scratch = await makeScratch();
  const path = scratch.join("token");
  await Bun.write(path, "tnv_12345678_old");
  const sent: (string | null)[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch({ headers }) {
      sent.push(headers.get("x-api-key") ?? headers.get("authorization"));
      if (sent.length > 1) return Response.json({ nodes: [] });
      await Bun.write(path, "eyJ.new");
      const problem = { type: "about:blank", title: "no", status: 401, code: "unauthenticated" };
      return Response.json(problem, {
        status: 401,
        headers: { "content-type": "application/problem+json" },
      });
    },
  });
  try {
    const compute = createComputeClient({ url: server.url.href, tokenFile: path });
    await compute.client.call("auth.whoami", {});
    expect(sent).toEqual(["tnv_12345678_old", "Bearer eyJ.new"]);
  } finally {
    await server.stop(true);
  }
});
