import type { ComponentChildren } from "preact";
import { mayI } from "../../api/whoami.ts";
import { Card, Code } from "../../ui/blocks.tsx";
import { Icon } from "../../ui/icon.tsx";
import { loginCommands } from "../../ui/node-commands.ts";

/** For a business without a node or without a job: what to do, in order, to paste or to press. */
export function FirstSteps({ hasNodes, hasJobs }: { hasNodes: boolean; hasJobs: boolean }) {
  if (!mayI("jobs.run"))
    return (
      <Card title="Nothing has run here yet">
        <p>
          Once somebody adds a node and submits a job, this page shows how they do. Your role lets you look.
        </p>
      </Card>
    );
  return (
    <Card title="First steps">
      <ol class="steps">
        <Step isDone={hasNodes} title="Add a machine that runs your jobs">
          <p>
            Put the <code>tanvrit-compute</code> binary on any computer that should do work, also on this one.
            Sign in there once, and start its agent, which stays connected and needs no open port.
          </p>
          <Code text={loginCommands(location.origin)} label="Copy the commands" />
          <p class="quiet">
            It appears under <a href="/nodes">Nodes</a> within a second. There you also get a token for
            machines on which nobody signs in.
          </p>
        </Step>
        <Step isDone={hasJobs} title="Submit a job">
          <p>
            A job is a command that runs on one of your nodes. Here, <a href="/submit">fill in a form</a>, or
            begin with <a href="/templates">a template</a>. In a shell:
          </p>
          <Code text="tanvrit-compute job run -- sh -c 'uname -a; nproc'" label="Copy the command" />
        </Step>
      </ol>
    </Card>
  );
}

function Step({ isDone, title, children }: { isDone: boolean; title: string; children: ComponentChildren }) {
  return (
    <li class={isDone ? "done" : ""}>
      <h3>
        {title}
        {isDone && (
          <span class="status good">
            <Icon name="check" />
            Done
          </span>
        )}
      </h3>
      {!isDone && <div class="stack">{children}</div>}
    </li>
  );
}
