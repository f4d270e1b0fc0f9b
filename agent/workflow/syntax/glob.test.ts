import { expect, test } from "bun:test";
import { matchesGlobs } from "./glob.ts";

/** What GitHub's cheat sheet of filters says, and its neighbours. */
const cases: [globs: string | string[], fits: string[], not: string[]][] = [
  ["feature/*", ["feature/my-branch", "feature/your-branch"], ["feature/beta-a/my-branch", "feature"]],
  ["feature/**", ["feature/beta-a/my-branch", "feature/mona/the/octocat"], ["feature", "my/feature/x"]],
  ["main", ["main"], ["main2", "a/main", "Main"]],
  ["*", ["main", "releases", ".hidden"], ["releases/v1", "all/the/branches"]],
  ["**", ["main", "all/the/branches", "every/tag"], []],
  ["*feature", ["mona-feature", "feature", "ver-10-feature"], ["a/feature", "feature-2"]],
  ["v2*", ["v2", "v2.0", "v2.9"], ["v1", "av2"]],
  ["v[12].[0-9]+.[0-9]+", ["v1.10.1", "v2.0.0"], ["v3.1.0", "v1.10", "v1x10y1"]],
  ["v[0-9]+.[0-9]+.[0-9]+-rc.[0-9]+", ["v1.2.3-rc.4"], ["v1.2.3"]],
  ["*.jsx?", ["page.js", "page.jsx"], ["page.jsxx", "a/page.js"]],
  ["**.js", ["index.js", "js/index.js", "src/js/app.js"], ["index.ts"]],
  ["docs/*", ["docs/README.md", "docs/file.txt"], ["docs/mona/file.txt"]],
  ["docs/**", ["docs/README.md", "docs/mona/octocat.txt"], ["docs", "src/docs/x"]],
  ["docs/**/*.md", ["docs/README.md", "docs/mona/hello.md", "docs/a/markdown/file.md"], ["README.md"]],
  ["**/docs/**", ["docs/hello.md", "dir/docs/my-file.txt", "space/docs/plan/space.doc"], ["mydocs/x"]],
  ["**/README.md", ["README.md", "js/README.md"], ["XREADME.md"]],
  ["**/*src/**", ["a/src/app.js", "my-src/code/js/app.js"], ["src.js"]],
  ["**/*-post.md", ["my-post.md", "path/their-post.md"], ["post.md"]],
  ["**/migrate-*.sql", ["migrate-10909.sql", "db/sept/migrate-v1.sql"], ["db/migrate.sql"]],
  [["*.md", "!README.md"], ["hello.md"], ["README.md", "docs/hello.md"]],
  [["*.md", "!README.md", "README*"], ["hello.md", "README.md", "README.doc"], []],
  [["releases/**", "!releases/**-alpha"], ["releases/10"], ["releases/beta/3-alpha"]],
  [["!main"], [], ["main", "dev"]],
  ["ci+cd", ["cicd", "ciicd"], ["ci+cd"]],
  ["ci\\+cd", ["ci+cd"], ["cicd"]],
  ["\\!important", ["!important"], ["important"]],
  ["[CB]at", ["Cat", "Bat"], ["cat", "Rat"]],
  ["[1-2]00", ["100", "200"], ["300"]],
  ["a.b", ["a.b"], ["aXb"]],
  ["(x){2}|y^$", ["(x){2}|y^$"], ["xx"]],
  ["a[b", ["a[b"], ["ab"]],
  ["[z-a]", ["[z-a]"], ["z"]],
  ["dependabot/**/*", ["dependabot/npm/x", "dependabot/x"], ["dependabot"]],
  ["größe-?", ["größe", "größe-"], ["größ"]],
];

test.each(cases)("%j matches %j and not %j", (globs, fits, not) => {
  const list = typeof globs === "string" ? [globs] : globs;
  expect(fits.filter((text) => !matchesGlobs(list, text))).toEqual([]);
  expect(not.filter((text) => matchesGlobs(list, text))).toEqual([]);
});
