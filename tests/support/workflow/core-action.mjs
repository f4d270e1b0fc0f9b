// An action that uses @actions/core as actions do. Tests bundle it into one file, as authors do.
import * as core from "@actions/core";

const part = process.env.TEST_PART ?? "main";
const wanted = core.getInput("do");

if (part === "pre") {
  core.saveState("pre", "from pre");
  core.info(`pre of ${core.getInput("name")}`);
} else if (part === "post") {
  core.info(`post of ${core.getInput("name")}: ${core.getState("pre")}, ${core.getState("main")}`);
} else {
  core.saveState("main", "from main");
  await main(wanted);
}

async function main(what) {
  if (what === "fail") core.setFailed("it went wrong");
  else if (what === "exit") process.exit(3);
  else if (what === "throw") throw new Error("thrown");
  else if (what === "id token")
    core.info(await core.getIDToken().catch((error) => `refused: ${error.message}`));
  else if (what === "required") core.getInput("missing", { required: true });
  else await everything();
}

async function everything() {
  core.setSecret("s3cr3t-value");
  core.info(`a secret: s3cr3t-value`);
  core.info(`greets ${core.getInput("name")}, ${core.getMultilineInput("list").join("+")}`);
  core.info(`loud ${core.getBooleanInput("loud")}`);
  core.setOutput("text", "two\nlines");
  core.setOutput("object", { a: 1 });
  core.exportVariable("FROM_ACTION", "exported");
  core.addPath(`${process.env.RUNNER_TEMP}/tools`);
  core.startGroup("A group");
  core.endGroup();
  core.notice("a notice", { title: "T", file: "a.js", startLine: 3 });
  core.warning("a warning");
  core.error("an error");
  core.debug("a debug line");
  core.info(`node ${process.version.split(".")[0]} ${process.argv.length}`);
  await core.summary.addHeading("Result").addRaw("fine").write();
}
