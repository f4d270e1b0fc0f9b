import { isAbsolute, relative, resolve } from "node:path";
import { textOf } from "../../../shared/text-of.ts";
import type { Annotation } from "../../../shared/workflow-run.ts";
import { placeOf } from "./issue-place.ts";
import type { LiveStep } from "./live-step.ts";
import { readMatchers } from "./problem-matcher.ts";
import { commandIn, type WorkflowCommand } from "./workflow-command.ts";

const STOP = "stop-commands";
const levels: Readonly<Record<string, Annotation["level"]>> = {
  error: "failure",
  warning: "warning",
  notice: "notice",
};
/** Commands that GitHub never echoes as they are. */
const SILENT = new Set(["add-mask", "debug", "error", "warning", "notice"]);
const PAUSE = "pause-logging";
const BLOCKED = "NODE_OPTIONS";
const COMMANDS_PAGE =
  "https://docs.github.com/actions/learn-github-actions/workflow-commands-for-github-actions#example-stopping-and-starting-workflow-commands";

/** Carries out the commands in the output of one process of a step. */
export class CommandRunner {
  private stopToken: string | undefined;
  private echoes: boolean;
  private readonly deprecated = new Set<string>();

  constructor(private readonly step: LiveStep) {
    this.echoes = step.job.isDebug;
  }

  /** Returns false if the line has no command: it belongs to the log. */
  run(line: string): boolean {
    const command = commandIn(line, (name) => this.isKnown(name));
    if (!command) return false;
    if (this.stopToken !== undefined) return this.resume(command, line);
    if (this.echoes && !SILENT.has(command.name)) this.step.log(line);
    try {
      this.carryOut(command, line);
    } catch (error) {
      const shown = SILENT.has(command.name) ? command.name : line;
      this.step.say(`Unable to process command '${shown}' successfully.`, true);
      this.step.say(textOf(error), true);
    }
    return true;
  }

  private isKnown(name: string): boolean {
    return name === STOP || Object.hasOwn(this.commands, name) || name === this.stopToken;
  }

  private resume(command: WorkflowCommand, line: string): boolean {
    if (command.name !== this.stopToken) return false;
    this.stopToken = undefined;
    this.step.log(line);
    return true;
  }

  private carryOut(command: WorkflowCommand, line: string): void {
    if (command.name === STOP) this.stopCommands(command.data, line);
    else this.commands[command.name]?.(command);
  }

  private readonly commands: Readonly<Record<string, (command: WorkflowCommand) => void>> = {
    group: ({ data }) => this.step.log(`##[group]${data}`),
    endgroup: () => this.step.log("##[endgroup]"),
    error: (command) => this.annotate(command),
    warning: (command) => this.annotate(command),
    notice: (command) => this.annotate(command),
    debug: ({ data }) => this.step.debug(data),
    echo: ({ data }) => this.setEcho(data),
    "add-mask": ({ data }) => this.addMask(data),
    "set-output": (command) => {
      const name = this.required(command, "name");
      this.warnOnce(command.name);
      this.step.setOutput(name, command.data);
    },
    "save-state": (command) => {
      const name = this.required(command, "name");
      this.warnOnce(command.name);
      this.step.setState(name, command.data);
    },
    "set-env": (command) => this.setEnv(command),
    "add-path": ({ name, data }) => {
      this.refuseUnsecure(name);
      if (data === "") throw new Error("Required field 'path' is missing in ##[add-path] command.");
      this.step.addPath(data);
    },
    "add-matcher": ({ data }) => this.addMatcher(data),
    "remove-matcher": (command) => this.removeMatcher(command),
  };

  private stopCommands(token: string, line: string): void {
    const isCommand = this.isKnown(token.toLowerCase()) || token === "" || token === PAUSE;
    if (isCommand && !this.allows("ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS")) {
      throw new Error(
        `You cannot use a endToken that is an empty string, the string '${PAUSE}', or another workflow command. ` +
          `For more information see: ${COMMANDS_PAGE} or opt into insecure command execution by setting the ` +
          "`ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS` environment variable to `true`.",
      );
    }
    this.stopToken = token.toLowerCase();
    this.step.log(line);
  }

  private annotate({ name, properties, data }: WorkflowCommand): void {
    const file = properties.get("file");
    const title = properties.get("title");
    this.step.annotate({
      level: levels[name] ?? "notice",
      message: data,
      ...(title && { title }),
      ...(file && { file: this.step.fileOf(file) }),
      ...placeOf(properties),
    });
  }

  private addMask(value: string): void {
    if (value.trim() === "") {
      const message = "Can't add secret mask for empty string in ##[add-mask] command.";
      this.step.annotate({ level: "warning", message });
      return;
    }
    if (this.echoes) this.step.log("::add-mask::***");
    const { report } = this.step.job.services;
    report.mask(value);
    for (const line of value.split(/[\r\n]+/)) if (line !== "") report.mask(line);
  }

  private setEcho(data: string): void {
    const value = data.trim().toLowerCase();
    if (value !== "on" && value !== "off") {
      throw new Error(
        `Invalid echo command value. Possible values can be: 'on', 'off'. Current value is: '${data}'.`,
      );
    }
    this.echoes = value === "on";
  }

  private setEnv(command: WorkflowCommand): void {
    this.refuseUnsecure(command.name);
    const name = this.required(command, "name");
    if (name.toUpperCase() === BLOCKED) {
      this.step.say(`Can't update ${BLOCKED} environment variable using ::set-env:: command.`, false);
    } else this.step.setVariable(name, command.data);
  }

  private addMatcher(file: string): void {
    if (file.trim() === "") {
      this.step.annotate({ level: "warning", message: "File path must be specified." });
    } else this.step.job.addMatchers(readMatchers(this.rooted(file)));
  }

  private removeMatcher({ properties, data }: WorkflowCommand): void {
    const owner = properties.get("owner");
    if (owner === undefined && data === "") {
      const message = "Either an owner name or a file path must be specified in ##[remove-matcher] command.";
      this.step.annotate({ level: "warning", message });
    } else if (owner !== undefined && data !== "") {
      const message =
        "Either specify an owner name or a file path in ##[remove-matcher] command. Both values cannot be set.";
      this.step.annotate({ level: "warning", message });
    } else {
      const owners = owner === undefined ? readMatchers(this.rooted(data)).map((one) => one.owner) : [owner];
      this.step.job.removeMatchers(owners);
    }
  }

  private required({ name, properties }: WorkflowCommand, field: string): string {
    const value = properties.get(field);
    if (value === undefined) throw new Error(`Required field '${field}' is missing in ##[${name}] command.`);
    return value;
  }

  private warnOnce(name: string): void {
    if (this.deprecated.has(name)) return;
    this.deprecated.add(name);
    const message =
      `The \`${name}\` command is deprecated and will be disabled soon. Please upgrade to using Environment Files. ` +
      "For more information see: https://github.blog/changelog/2022-10-11-github-actions-deprecating-save-state-and-set-output-commands/";
    this.step.annotate({ level: "warning", message });
  }

  private refuseUnsecure(name: string): void {
    if (this.allows("ACTIONS_ALLOW_UNSECURE_COMMANDS")) return;
    throw new Error(
      `The \`${name}\` command is disabled. Please upgrade to using Environment Files or opt into unsecure command ` +
        "execution by setting the `ACTIONS_ALLOW_UNSECURE_COMMANDS` environment variable to `true`. " +
        "For more information see: https://github.blog/changelog/2020-10-01-github-actions-deprecating-set-env-and-add-path-commands/",
    );
  }

  private allows(variable: string): boolean {
    return this.step.env()[variable]?.trim().toLowerCase() === "true";
  }

  private rooted(file: string): string {
    return resolve(this.step.job.plan.directories.workspace, this.step.hostPath(file));
  }
}

/** A path below the workspace, from there; any other path as it is. */
export function belowWorkspace(path: string, workspace: string): string {
  if (!isAbsolute(path)) return path;
  const below = relative(workspace, path);
  return below === "" || below.startsWith("..") ? path : below;
}
