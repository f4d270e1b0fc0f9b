import { expect, test } from "bun:test";
import type { StoredTree } from "../../shared/artifact.ts";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import type { TreeEntry } from "../../shared/files/tree.ts";
import { treeLine } from "../../shared/files/tree-line.ts";
import type { As } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { entriesOf, packOf, sendArtifact, sendFiles, sendPack, storedTreeOf } from "../support/sent-files.ts";

const plane = forAllTests(await TestPlane.start());
const { api } = plane;
const user: As = await api.user();
const ALPHA = {
  path: "a",
  type: "file",
  mode: 0o644,
  size: 5,
  sha256: sha256Of(Buffer.from("alpha")),
} as const;
const EMPTY = sha256Of(Buffer.alloc(0));
await sendPack(api, user, packOf("alpha"));

const create = (tree: StoredTree, type: "file" | "directory" = "directory") => ({
  name: "tree",
  kind: "upload" as const,
  type,
  tree,
});

async function refusalOf(text: string, type: "file" | "directory" = "directory"): Promise<string> {
  const { tree, blobs } = storedTreeOf(text);
  for (const blob of blobs) await sendPack(api, user, packOf(blob));
  const { code, errors } = await api.refused("artifacts.create", create(tree, type), user);
  expect({ code, path: errors?.[0]?.path }).toEqual({ code: "invalid_request", path: "tree" });
  return errors?.[0]?.message ?? "";
}

test("a tree that could not be placed, or that lies about its blobs, is refused with the path; no draft stays", async () => {
  const line = (entry: object) => treeLine(entry as TreeEntry);
  const raw = (entry: object) => `${JSON.stringify(entry)}\n`;
  const cases: [string, string][] = [
    [line({ ...ALPHA, path: "../a" }), "../a: path the path contains “..”"],
    [line({ ...ALPHA, path: "/etc/a" }), "/etc/a: path the path is absolute"],
    [line({ ...ALPHA, path: "a\nb" }), "contains a newline"],
    [line(ALPHA) + line(ALPHA), "a: it comes twice"],
    [line({ ...ALPHA, path: "b" }) + line(ALPHA), "a: it comes twice, or in the wrong order"],
    [line({ ...ALPHA, path: "dir/a" }), "dir/a: its directory is not in the tree"],
    [
      line({ type: "link", path: "l", target: "../../etc/passwd" }),
      "l: the link to ../../etc/passwd leads out",
    ],
    [line({ type: "link", path: "l", target: "/etc/passwd" }), "leads out of the tree"],
    [raw({ type: "device", path: "d" }), "d:"],
    [raw({ ...ALPHA, mode: 0o4755 }), "a: mode"],
    ["not json\n", "a line of the tree is not JSON"],
    ["[]\n", "an entry:"],
    ["null\n", "an entry:"],
    [line(ALPHA).slice(0, -1), "ends in the middle of a line"],
    [line({ ...ALPHA, size: 6 }), "a: the tree says that blob"],
    [line({ ...ALPHA, size: 0 }), `a: an empty file has the digest ${EMPTY}`],
    [line({ ...ALPHA, size: fileLimits.partBytes + 1 }), "must have 2 parts"],
    [line({ ...ALPHA, parts: [ALPHA.sha256, ALPHA.sha256] }), "must have no parts"],
  ];
  for (const [text, why] of cases) expect(await refusalOf(text)).toContain(why);
  const two = line(ALPHA) + line({ ...ALPHA, path: "b" });
  for (const text of [two, "", line({ type: "directory", path: "d", mode: 0o755 })])
    expect(await refusalOf(text, "file")).toContain("must have one file and nothing else");
  expect(await refusalOf("\xff\n".repeat(3))).toContain("not JSON");
  expect(await plane.stores.artifacts.scanArtifacts(undefined, 10)).toEqual([]);
});

test("a description of a tree that does not fit its content is refused", async () => {
  const { tree, blobs } = storedTreeOf(treeLine(ALPHA));
  await sendPack(api, user, packOf(...blobs));
  const refused = async (wrong: StoredTree) => {
    const { code, errors } = await api.refused("artifacts.create", create(wrong), user);
    expect(code).toBe("invalid_request");
    return errors?.[0];
  };
  expect((await refused({ ...tree, size: tree.size - 1 }))?.message).toContain(`it has ${tree.size}`);
  expect((await refused({ ...tree, sha256: ALPHA.sha256 }))?.message).toContain("digest tree.sha256");
  expect((await refused({ ...tree, size: 0, parts: [] }))?.message).toContain(EMPTY);
  expect((await refused({ ...tree, parts: [ALPHA.sha256, ALPHA.sha256] }))?.path).toBe("tree.parts");
  const huge = Array.from({ length: 1_000 }, () => ALPHA.sha256);
  const size = huge.length * fileLimits.partBytes;
  expect((await refused({ ...tree, size, parts: huge }))?.message).toContain("must not have more than");
});

test("create names what the server lacks, until it is sent", async () => {
  const files = { "one.txt": "number one", "two.txt": "number two" };
  const { tree, blobs } = storedTreeOf(entriesOf(files).map(treeLine).join(""));
  expect(await api.call("artifacts.create", create(tree), user)).toEqual({ missing: tree.parts });
  await sendPack(api, user, packOf(...blobs));
  const digests = Object.values(files).map((text) => sha256Of(Buffer.from(text)));
  expect(await api.call("artifacts.create", create(tree), user)).toEqual({ missing: digests });
  await sendPack(api, user, packOf("number two"));
  expect(await api.call("artifacts.create", create(tree), user)).toEqual({ missing: digests.slice(0, 1) });
  await sendPack(api, user, packOf("number one"));
  const { artifact } = await api.call("artifacts.create", create(tree), user);
  expect(artifact).toMatchObject({ files: 2, bytes: 20 });
});

test("a tree with more files than one request may name is created, and read page by page", async () => {
  const count = fileLimits.maxBlobsPerRequest + 10;
  const contents = Array.from({ length: count }, (_, i) => `content ${i}`);
  for (let i = 0; i < count; i += 2_000) await sendPack(api, user, packOf(...contents.slice(i, i + 2_000)));
  const names = contents.map((_, i) => `f${String(i).padStart(6, "0")}`);
  const files = Object.fromEntries(names.map((name, i) => [name, contents[i] ?? ""]));
  const { tree, blobs } = storedTreeOf(entriesOf(files).map(treeLine).join(""));
  await sendPack(api, user, packOf(...blobs));
  const { artifact } = await api.call("artifacts.create", create(tree), user);
  expect(artifact).toMatchObject({ files: count });
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const input = { artifactId: artifact?.artifactId ?? "", limit: 500, cursor };
    const page = await api.call("artifacts.files", input, user);
    seen.push(...page.entries.map(({ path }) => path));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  expect(seen).toEqual(names);
});

test("a file of several parts is created from its parts, and its last part may be any shorter", async () => {
  const content = Buffer.alloc(fileLimits.partBytes * 2 + 1, "x");
  const made = await sendArtifact(api, user, { large: content }, { name: "large" });
  expect(made).toMatchObject({ files: 1, bytes: content.length });
  const entry = entriesOf({ large: content })[0];
  if (entry?.type !== "file") throw new Error("unreachable");
  // One byte more than the parts have.
  const text = treeLine({ ...entry, size: entry.size + 1 });
  expect(await refusalOf(text)).toContain("large: the tree says that blob");
});

test("many clients that create the same files at once all get an artifact with them", async () => {
  const tree = await sendFiles(api, user, { same: "for all" });
  const created = await Promise.all(
    Array.from({ length: 20 }, () => api.call("artifacts.create", create(tree), user)),
  );
  expect(created.map(({ artifact }) => artifact?.files)).toEqual(Array.from({ length: 20 }, () => 1));
  expect((await plane.stores.artifacts.scanArtifacts(undefined, 100)).filter((one) => one.isDraft)).toEqual(
    [],
  );
});
