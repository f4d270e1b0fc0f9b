import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { forAllTests } from "../support/for-all-tests.ts";
import { expectQuiet, PortalWorld } from "../support/portal.ts";

const world = forAllTests(await PortalWorld.start(["--name", "alpha"]));
const client = await world.person.client();

const JOB_PAGE = /\/jobs\/(job_[0-9a-z]{26})$/;

/** Waits until this is in the editor. */
async function yamlHas(page: Page, part: string, isWhole = false): Promise<void> {
  await page.waitForFunction(
    ({ part, isWhole }) => {
      const root = document.querySelector(".code-editor")?.shadowRoot;
      const lines = [...(root?.querySelectorAll(".cm-line") ?? [])].map((line) => line.textContent ?? "");
      const text = lines.join("\n").trimEnd();
      return isWhole ? text === part : text.includes(part);
    },
    { part, isWhole },
    { polling: 50 },
  );
}

const yamlBecomes = (page: Page, text: string) => yamlHas(page, text, true);

/** Replaces the whole text of the editor. */
async function write(page: Page, text: string): Promise<void> {
  const editor = page.locator(".cm-content");
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(text);
}

/** The job that the page leads to. */
async function submitted(page: Page): Promise<string> {
  await page.waitForURL(JOB_PAGE);
  return JOB_PAGE.exec(page.url())?.[1] ?? "";
}

async function logOf(jobId: string): Promise<string> {
  await client.jobs.wait(jobId);
  const lines: string[] = [];
  for await (const event of client.jobs.logs(jobId)) if (event.event === "log") lines.push(event.data.text);
  return lines.join("\n");
}

test("a job that is submitted with dropped files finds them in its directory, and its page opens", async () => {
  await using window = await world.window("/submit");
  const { page } = window;
  await page.getByLabel("Command", { exact: true }).fill("cat greeting.txt && ./site/run.sh");
  await page.locator("main").evaluate((main) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["hello from a file\n"], "greeting.txt"));
    main.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  });
  await window.shows("1 file, 18 bytes");
  const folder = join(world.person.home.path, "site");
  await Bun.write(join(folder, "run.sh"), "#!/bin/sh\necho ran from a folder\n");
  await page.locator("input[webkitdirectory]").setInputFiles(folder);
  await window.shows("2 files");
  await window.press("Submit");
  const jobId = await submitted(page);
  expect(await logOf(jobId)).toEndWith("hello from a file\nran from a folder");
  const { inputs } = await client.jobs.retrieve(jobId);
  expect(inputs).toEqual([{ from: expect.stringMatching(/^artifact:art_/), to: "." }]);
  expectQuiet(window);
});

test("what is wrong is shown at the field and at the line of the YAML before anything is submitted", async () => {
  await using window = await world.window("/submit");
  const { page } = window;
  await page.getByLabel("Command", { exact: true }).fill("true");
  await page.getByLabel("CPU cores").fill("two");
  await window.shows("Must be a number.");
  expect(await page.getByLabel("CPU cores").getAttribute("aria-invalid")).toBe("true");
  const check = page.getByRole("region", { name: "Check" });
  await check.getByText("resources.cpu").waitFor();
  await page.locator(".cm-lint-marker-error").waitFor();
  await page.locator(".cm-lintRange-error").getByText("cpu").waitFor();
  await check.getByRole("button", { name: "Line 3" }).click();
  await page.locator(".cm-editor.cm-focused .cm-activeLine").getByText("cpu").waitFor();
  await page.keyboard.type("x");
  await yamlHas(page, "xcpu: two");
  await write(page, "command: [true");
  await window.shows("The YAML has a mistake in line 1");
  expect(await page.getByLabel("CPU cores").isDisabled()).toBe(true);
  await write(page, "command: 'true'");
  await window.shows("Can start now");
  expectQuiet(window);
});

test("form and YAML are two views of one job: each changes the other, and comments and unknown fields stay", async () => {
  await using window = await world.window("/submit");
  const { page } = window;
  const text =
    "# Nightly.\ncommand: make all # everything\ndocker:\n  init: false\nenv:\n  V: 1.10 # the version\n";
  await write(page, text);
  await yamlBecomes(page, text.trimEnd());
  await page.waitForFunction(() =>
    [...document.querySelectorAll("textarea")].some(({ value }) => value === "make all"),
  );
  expect(await page.getByLabel("Variables 1: Value").inputValue()).toBe("1.10");
  await window.shows("Only in the YAML: docker");
  await page.getByLabel("Command", { exact: true }).fill("make check");
  await page.getByLabel("Name", { exact: true }).fill("nightly");
  await page.getByLabel("CPU cores").fill("0.5");
  await window.press("Add a variable");
  await page.getByLabel("Variables 2: Name").fill("REGION");
  await page.getByLabel("Variables 2: Value").fill("eu");
  await yamlBecomes(
    page,
    [
      "# Nightly.",
      "command: make check # everything",
      "name: nightly",
      "docker:",
      "  init: false",
      "env:",
      "  V: 1.10 # the version",
      "  REGION: eu",
      "resources:",
      "  cpu: 0.5",
    ].join("\n"),
  );
  await page.getByLabel("List of arguments").check();
  expect(await page.getByLabel("Command 2: Argument").inputValue()).toBe("check");
  await window.press("Remove Variables 2");
  await page.getByText("Docker", { exact: true }).click();
  await page.getByLabel("Image").fill("alpine:3");
  await yamlHas(page, "name: nightly\ntype: DOCKER\nimage: alpine:3\ndocker:");
  expectQuiet(window);
});

test("Escape and then Tab leaves the editor", async () => {
  await using window = await world.window("/submit");
  const { page } = window;
  await write(page, "command: a");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.className)).toBe("code-editor");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.className)).not.toBe("code-editor");
});

test("a draft survives a reload, without what looks like a secret; starting over forgets it", async () => {
  await using window = await world.window("/submit");
  const { page } = window;
  await page.getByLabel("Command", { exact: true }).fill("./deploy");
  await window.press("Add a variable");
  await page.getByLabel("Variables 1: Name").fill("DEPLOY_TOKEN");
  await page.getByLabel("Variables 1: Value").fill("hunter2");
  await window.shows("looks like a secret");
  const kept = await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }));
  expect(kept).toContain("./deploy");
  expect(kept).not.toContain("hunter2");
  await page.reload();
  await window.shows("without the values of DEPLOY_TOKEN");
  expect(await page.getByLabel("Command", { exact: true }).inputValue()).toBe("./deploy");
  await window.press("Start over");
  await page.getByRole("dialog").getByRole("button", { name: "Start over" }).click();
  await yamlBecomes(page, "");
  expectQuiet(window);
});

test("a clone begins with the job that it copies, and two presses submit it once", async () => {
  const env = { A: "b" };
  const { jobId: original } = await client.jobs.submit({ command: "echo $A", name: "to-clone", env });
  await using window = await world.window(`/submit?job=${original}`);
  const { page } = window;
  await yamlBecomes(page, "name: to-clone\ncommand: echo $A\nenv:\n  A: b");
  await page.getByLabel("Variables 1: Value").fill("c");
  await page.getByLabel("Variables 1: Value").press("ControlOrMeta+Enter");
  await page.keyboard.press("ControlOrMeta+Enter");
  const jobId = await submitted(page);
  expect(await logOf(jobId)).toBe("c");
  const named = await Array.fromAsync(client.jobs.list({ name: "to-clone" }));
  expect(named.map((job) => job.jobId).sort()).toEqual([original, jobId].sort());
  expectQuiet(window);
});

test("a template is run with its parameters, whose mistakes are shown at their fields", async () => {
  const { templateId } = await client.templates.create({
    name: "greet",
    parameters: [
      { name: "who", type: "string", required: true },
      { name: "times", type: "number", min: 1, max: 3, default: 1 },
      { name: "loud", type: "boolean", default: false },
    ],
    job: { command: ["echo", "hello {{who}}", "{{times}}", "{{loud}}"] },
  });
  await using window = await world.window("/templates");
  const { page } = window;
  await page.getByLabel("Search").fill("gree");
  await page.getByRole("link", { name: "greet" }).click();
  await page.getByLabel("times").fill("9");
  await window.shows("Must be at most 3");
  await window.press("Run");
  await window.shows("Is required.");
  await page.getByLabel("times").fill("2");
  await page.getByLabel("who (required)").fill("world");
  await page.getByLabel("loud").selectOption("Yes");
  await yamlBecomes(page, 'name: greet\ncommand:\n  - echo\n  - hello world\n  - "2"\n  - "true"');
  await window.press("Run");
  const jobId = await submitted(page);
  expect(await logOf(jobId)).toBe("hello world 2 true");
  expect((await client.jobs.retrieve(jobId)).templateId).toBe(templateId);
  expectQuiet(window);
});

test("a fork is one's own to change: every change is a version, shown against the one before", async () => {
  await using window = await world.window("/templates");
  const { page } = window;
  await page.getByRole("link", { name: "python-script" }).click();
  await window.press("Fork");
  await page.getByRole("dialog").getByLabel("Name").fill("our-script");
  await page.getByRole("dialog").getByRole("button", { name: "Fork" }).click();
  await page.getByRole("heading", { name: "our-script" }).waitFor();
  await write(page, "name: our-script\nparameters: [{name: x, type: text}]\njob: {command: 'true'}");
  await window.press("Save as a new version");
  await window.shows("This cannot be saved yet");
  await page.locator(".cm-lint-marker-error").waitFor();
  await write(page, "name: our-script\ndescription: Ours\njob: {command: echo ours}");
  await window.press("Save as a new version");
  await window.shows("Version 2 is saved.");
  await page.getByRole("link", { name: "Versions" }).click();
  await page.locator(".difference .added").getByText("+ description: Ours").waitFor();
  expect(await page.locator(".difference .removed").count()).toBeGreaterThan(0);
  await page.getByRole("button", { name: "More" }).click();
  await window.press("Delete");
  await window.press("Delete the template");
  await window.shows("is in the trash");
  expect(
    (await Array.fromAsync(client.templates.list({ builtin: false }))).map(({ name }) => name),
  ).not.toContain("our-script");
  expectQuiet(window);
});

test("a new job may begin with a template, and goes its own way once the job itself is changed", async () => {
  const { templateId } = await client.templates.create({
    name: "start-here",
    parameters: [{ name: "word", type: "string", default: "one" }],
    job: { command: "echo {{word}}" },
  });
  await using window = await world.window(`/submit?template=${templateId}`);
  const { page } = window;
  await yamlBecomes(page, "name: start-here\ncommand: echo 'one'");
  await page.getByLabel("word").fill("two");
  await yamlBecomes(page, "name: start-here\ncommand: echo 'two'");
  await page.getByLabel("Command", { exact: true }).fill("echo three");
  await window.shows("You have changed the job itself");
  await window.press("Submit");
  expect(await logOf(await submitted(page))).toBe("three");
  expectQuiet(window);
});

test("a job or template that is gone is said, and the page lives on", async () => {
  await using window = await world.window(`/submit?job=job_${"0".repeat(26)}`);
  await window.shows("There is no such thing");
  await world.show(window, `/templates/tpl_${"0".repeat(26)}`);
  await window.shows("There is no template");
  await window.page.getByRole("link", { name: "All templates" }).click();
  await window.shows("python-script");
  expectQuiet(window);
});
