import { exitCodes } from "../../cmd/exit/exit-codes.ts";
import { type Compute, createComputeClient } from "../../sdk/index.ts";
import type { Job } from "../../shared/job.ts";
import { type Finished, Running, type RunOptions, runProgram } from "./program.ts";
import { makeScratch, type Scratch } from "./scratch.ts";
import { TestServer } from "./server.ts";
import { stopSupervisors } from "./supervisors.ts";

/** A person at the command line with their own home, signed in to a server. */
export class Person implements AsyncDisposable {
  readonly home: Scratch;
  private readonly agents: Running[] = [];
  /** Set for every program that this person runs. */
  private readonly env: Record<string, string>;

  private ownServer: TestServer | undefined;

  private constructor(home: Scratch, env: Record<string, string>) {
    this.home = home;
    this.env = env;
  }

  /** A person with a server of their own, and with an agent if its options are given. Disposing of them ends both. */
  static async withServer({
    config,
    business,
    agent,
    serverEnv = {},
    user,
  }: {
    config?: object;
    business?: string;
    agent?: string[];
    serverEnv?: Record<string, string>;
    user?: string;
  } = {}): Promise<Person> {
    await using opening = new AsyncDisposableStack();
    const server = opening.use(await TestServer.start(serverEnv, config));
    const person = opening.use(await Person.signIn(server, business, {}, user));
    person.ownServer = server;
    if (agent) await person.startAgent(agent);
    opening.move();
    return person;
  }

  static async signIn(
    server: TestServer,
    business = "local",
    env: Record<string, string> = {},
    user?: string,
  ): Promise<Person> {
    const person = await Person.stranger(env);
    const login = ["auth", "login", "--workspace", "local", "--url", server.url, "--business", business];
    if (user !== undefined) login.push("--user", user);
    let { exitCode, stderr } = await person.run(login);
    // A machine on which all suites run may stand still for longer than the command waits.
    if (exitCode === exitCodes.unreachable) ({ exitCode, stderr } = await person.run(login));
    if (exitCode !== 0) throw new Error(`auth login failed with ${exitCode}: ${stderr}`);
    return person;
  }

  /** A person who is not signed in anywhere. */
  static async stranger(env: Record<string, string> = {}): Promise<Person> {
    return new Person(await makeScratch(), env);
  }

  get server(): TestServer {
    if (!this.ownServer) throw new Error("this person has no server of their own");
    return this.ownServer;
  }

  run(args: string[], options: RunOptions = {}): Promise<Finished> {
    return runProgram(this.home.path, args, { ...options, env: { ...this.env, ...options.env } });
  }

  /** The standard output of a command that must succeed, without the last newline. */
  async get(args: string[], options: RunOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(args, options);
    if (exitCode !== 0) throw new Error(`"${args.join(" ")}" ended with ${exitCode}: ${stderr}`);
    return stdout.replace(/\n$/, "");
  }

  /** Submits a job and returns its id. Standard output must contain the id and nothing else. */
  async submit(args: string[], options: RunOptions = {}): Promise<string> {
    const id = await this.get(["job", "submit", ...args], options);
    if (!/^job_[0-9a-z]{26}$/.test(id)) throw new Error(`job submit printed ${JSON.stringify(id)}`);
    return id;
  }

  /** A client of their server, signed in as them. */
  async client(): Promise<Compute> {
    return createComputeClient({ url: this.server.url, token: await this.get(["auth", "print-token"]) });
  }

  async job(jobId: string): Promise<Job> {
    return JSON.parse(await this.get(["job", "get", jobId, "--json"])) as Job;
  }

  /** Starts an agent and waits until it is registered. */
  async startAgent(args: string[] = [], env: Record<string, string> = {}): Promise<Running> {
    const agent = new Running(this.home.path, ["agent", "run", "--workspace", "local", ...args], {
      ...this.env,
      ...env,
    });
    this.agents.push(agent);
    await agent.said(/registered|node_[0-9a-z]{26}/);
    return agent;
  }

  /** Kills the agents and their jobs immediately. */
  async stopAgents(): Promise<void> {
    for (const agent of this.agents.splice(0)) await agent[Symbol.asyncDispose]();
    await stopSupervisors(this.home.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAgents();
    await this.ownServer?.[Symbol.asyncDispose]();
    await this.home[Symbol.asyncDispose]();
  }
}
