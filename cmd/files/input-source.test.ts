import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readInputField, readInputOption } from "./input-source.ts";

let home = "";
const before = process.cwd();

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "tanvrit-inputs-"));
  process.chdir(home);
  for (const path of ["src/lib", "c:d", "C"]) await mkdir(path, { recursive: true });
  for (const path of ["data.csv", "a:b.txt", "a", "d/x"]) {
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, "");
  }
});

afterAll(async () => {
  process.chdir(before);
  await rm(home, { recursive: true });
});

/** Source and place of an option's value. */
async function read(text: string): Promise<[string, string | undefined]> {
  const { source, to } = await readInputOption(text);
  if (source.kind === "local") return [source.path.replace(`${home}/`, ""), to];
  if (source.kind === "artifact") return [`artifact ${source.artifact}`, to];
  if (source.kind === "job") return [`job ${source.job} ${source.glob}`, to];
  throw new Error("an option never names gathered files");
}

async function refusal(text: string): Promise<string> {
  return readInputOption(text).then(
    ({ to }) => `accepted, to ${to}`,
    (error) => `${error.exitCode} ${error.message}`,
  );
}

test("a directory goes under its own name, as with cp -r; a path that ends in / or . means its content", async () => {
  expect(await read("src")).toEqual(["src", "src"]);
  expect(await read("src/lib")).toEqual(["src/lib", "lib"]);
  expect(await read("./src")).toEqual(["src", "src"]);
  for (const text of ["src/", "src/.", "./src/", "src/lib/.."])
    expect(await read(text)).toEqual(["src", "."]);
  expect(await read(".")).toEqual([home, "."]);
  expect(await read("./")).toEqual([home, "."]);
  expect(await read(`${home}/src`)).toEqual(["src", "src"]);
});

test("a file keeps its name, unless another is given; a place that ends in / is a directory for it", async () => {
  expect(await read("data.csv")).toEqual(["data.csv", "data.csv"]);
  expect(await read("d/x")).toEqual(["d/x", "x"]);
  expect(await read("data.csv:other.csv")).toEqual(["data.csv", "other.csv"]);
  expect(await read("data.csv:in/")).toEqual(["data.csv", "in/data.csv"]);
  expect(await read("data.csv:./in/.")).toEqual(["data.csv", "in/data.csv"]);
  expect(await read("data.csv:.")).toEqual(["data.csv", "data.csv"]);
});

test("a place is below the job's directory, and is written the short way", async () => {
  expect(await read("src:code")).toEqual(["src", "code"]);
  expect(await read("src:./code/main/")).toEqual(["src", "code/main"]);
  expect(await read("src:.")).toEqual(["src", "."]);
  expect(await refusal("src:/etc")).toBe("64 --input src:/etc: DEST /etc: the path is absolute");
  expect(await refusal("src:../x")).toBe("64 --input src:../x: DEST ../x: the path contains “..”");
  expect(await refusal("src:a/../../x")).toContain("the path contains “..”");
  expect(await refusal("src:a\nb")).toContain("a newline");
  expect(await refusal("src:")).toBe("64 --input src:: DEST is empty");
});

test("a colon in the name of something that exists is part of its name", async () => {
  expect(await read("a:b.txt")).toEqual(["a:b.txt", "a:b.txt"]);
  expect(await read("a:b.txt:c")).toEqual(["a:b.txt", "c"]);
  expect(await read("a:c")).toEqual(["a", "c"]);
  expect(await read("c:d/")).toEqual(["c:d", "."]);
  expect(await read("c:d:e")).toEqual(["c:d", "e"]);
  expect(await refusal("C:\\data")).toBe("66 --input C:\\data: there is no file or directory C:\\data");
  expect(await refusal("D:/data:in")).toBe("66 --input D:/data:in: there is no file or directory D:/data");
  expect(await refusal("D:/data")).toBe("66 --input D:/data: there is no file or directory D:/data");
  expect(await refusal("a:/data")).toContain("64 --input a:/data: DEST /data: the path is absolute");
});

test("artifacts and outputs of jobs are named by scheme; their place comes after the last colon", async () => {
  expect(await read("artifact:art_01m8")).toEqual(["artifact art_01m8", undefined]);
  expect(await read("artifact:art_01m8:in/x")).toEqual(["artifact art_01m8", "in/x"]);
  expect(await read("job:@last")).toEqual(["job @last undefined", undefined]);
  expect(await read("job:build/")).toEqual(["job build undefined", undefined]);
  expect(await read("job:build/dist/**")).toEqual(["job build dist/**", undefined]);
  expect(await read("job:build/dist/:out")).toEqual(["job build dist/**", "out"]);
  expect(await read("job:build:out")).toEqual(["job build undefined", "out"]);
  expect(await refusal("job:")).toContain("the id of the job is missing");
  expect(await refusal("artifact:")).toContain("the id of the artifact is missing");
  expect(await refusal("job:build/../x")).toContain("the path contains “..”");
  expect(await refusal("job:build//x")).toContain("64");
});

test("what is not there is named, with 66; what is neither a file nor a directory is refused", async () => {
  expect(await refusal("nope")).toBe("66 --input nope: there is no file or directory nope");
  expect(await refusal("nope:in")).toBe("66 --input nope:in: there is no file or directory nope");
  expect(await refusal("data.csv/")).toBe("66 --input data.csv/: there is no directory data.csv/");
  expect(await refusal("")).toBe("64 --input '': SRC is empty");
  expect(await refusal("a\nb")).toBe('66 --input "a\\nb": there is no file or directory "a\\nb"');
  expect(await refusal(":x")).toBe("64 --input :x: SRC is empty");
  expect(await refusal("/dev/null")).toContain(
    "64 --input /dev/null: /dev/null is neither a file nor a directory",
  );
});

test("the paths of a job file begin in its directory", async () => {
  const where = { label: "job.yaml: inputs.0", directory: join(home, "src") };
  expect((await readInputField({ from: "lib" }, where)).source).toMatchObject({
    path: join(home, "src/lib"),
  });
  expect((await readInputField({ from: "../a:b.txt" }, where)).to).toBe("a:b.txt");
  const missing = readInputField({ from: "./x", to: "y" }, where);
  await expect(missing).rejects.toThrow("job.yaml: inputs.0: there is no file or directory ./x");
});
