import { expect, test } from "bun:test";
import { sharedFolder, TooManyFilesError, withFiles, withoutFolder } from "./dropped-files.ts";

const file = (path: string) => ({ path, blob: new Blob([path]) });
const paths = (files: readonly { path: string }[]) => files.map(({ path }) => path);

test("files come in the order of their paths, and a later one replaces one at the same path", async () => {
  const all = withFiles([file("b"), file("a")], [{ path: "b", blob: new Blob(["new"]) }]);
  expect(paths(all)).toEqual(["a", "b"]);
  expect(await all[1]?.blob.text()).toBe("new");
});

test("only a folder that has all the files can be left out of their paths", () => {
  const inside = [file("site/index.html"), file("site/img/a.png")];
  expect(sharedFolder(inside)).toBe("site");
  expect(paths(withoutFolder(inside, "site"))).toEqual(["index.html", "img/a.png"]);
  expect(sharedFolder([...inside, file("sitemap/x")])).toBeUndefined();
  expect(sharedFolder([file("a")])).toBeUndefined();
  expect(sharedFolder([])).toBeUndefined();
});

test("more files than a browser should send are refused with the command that sends them", () => {
  const many = Array.from({ length: 10_001 }, (_, i) => file(`f${i}`));
  expect(() => withFiles([], many)).toThrow(TooManyFilesError);
});
