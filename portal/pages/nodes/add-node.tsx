import { useRef, useState } from "preact/hooks";
import type { EndpointOutput, Node } from "../../../sdk/index.ts";
import { changed } from "../../api/live.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { mayI } from "../../api/whoami.ts";
import { Code } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Icon } from "../../ui/icon.tsx";
import { enrolCommand, isLoopback, loginCommands, serverUrl } from "../../ui/node-commands.ts";
import { EnrolForm } from "./enrol-form.tsx";

type Made = EndpointOutput<"enrolments.create">;

const ARRIVALS_EVERY_MS = 3_000;
const WATCHED = 50;

/** How a machine becomes a node: the command to paste there, and the news that it has arrived. */
export function AddNode({ onClose }: { onClose(): void }) {
  const [way, setWay] = useState<"own" | "enrol">(mayI("nodes.enroll") ? "enrol" : "own");
  const [made, setMade] = useState<Made | undefined>(undefined);
  return (
    <Dialog title="Add a node" isKept={made !== undefined} onClose={onClose}>
      <div class="stack">
        {mayI("nodes.enroll") && made === undefined && (
          <fieldset class="plain-set ways">
            <legend class="spoken">What kind of machine</legend>
            <Way
              isChosen={way === "enrol"}
              onChoose={() => setWay("enrol")}
              name="A machine without a person"
              text="A server or a workstation in a rack. A token registers it."
            />
            <Way
              isChosen={way === "own"}
              onChoose={() => setWay("own")}
              name="A machine you use"
              text="Your laptop or desktop. Your sign-in registers it."
            />
          </fieldset>
        )}
        {way === "own" && <OwnMachine />}
        {way === "enrol" && made === undefined && (
          <EnrolForm
            onMade={(enrolment) => {
              setMade(enrolment);
              changed("enrolments");
            }}
          />
        )}
        {made && <Command made={made} />}
        {(made || way === "own") && <Arrivals since={made?.createdAt} />}
      </div>
      <div class="actions">
        <Button onClick={onClose}>{made ? "Done" : "Close"}</Button>
      </div>
    </Dialog>
  );
}

function Way(props: { isChosen: boolean; onChoose(): void; name: string; text: string }) {
  return (
    <label class="way">
      <input type="radio" name="way" checked={props.isChosen} onChange={props.onChoose} />
      <span class="way-text">
        <strong>{props.name}</strong>
        <span class="quiet">{props.text}</span>
      </span>
    </label>
  );
}

function OwnMachine() {
  const url = serverUrl();
  return (
    <>
      <p>
        Put the <code>tanvrit-compute</code> program on the machine, sign in there once, and start the agent.
      </p>
      <Code text={loginCommands(url)} label="Copy the commands" wraps />
      <OnlyHere url={url} />
    </>
  );
}

function Command({ made }: { made: Made }) {
  const url = serverUrl(made.serverUrl);
  return (
    <>
      <p>
        Put the <code>tanvrit-compute</code> program on{" "}
        {made.uses === 1 ? "the machine" : `each of the ${made.uses} machines`}, and run this there:
      </p>
      <Code text={enrolCommand(url, made)} label="Copy the command" wraps />
      <p class="notice">
        <Icon name="alert" />
        <span>The command holds the token, which is shown only now. Copy it before you close this.</span>
      </p>
      <OnlyHere url={url} />
    </>
  );
}

function OnlyHere({ url }: { url: string }) {
  if (!isLoopback(url)) return null;
  return (
    <p class="quiet">
      This server listens only on its own machine, so this works only there. Start it with{" "}
      <code>--host 0.0.0.0</code> to let other machines reach it.
    </p>
  );
}

/** The nodes that have come since that time of the server, or since this is shown. */
function Arrivals({ since }: { since: string | undefined }) {
  const before = useRef<ReadonlySet<string> | undefined>(undefined);
  const { value } = useData<Node[]>(
    "arrivals",
    async (signal) => {
      const { nodes } = await compute.client.call("nodes.list", { limit: WATCHED }, { signal });
      before.current ??= new Set(nodes.map((node) => node.nodeId));
      return nodes;
    },
    { topics: ["nodes"], everyMs: ARRIVALS_EVERY_MS },
  );
  const arrived = (value ?? []).filter(({ nodeId, createdAt }) =>
    since === undefined ? before.current?.has(nodeId) === false : createdAt >= since,
  );
  return (
    <div class="arrivals" aria-live="polite">
      {arrived.length === 0 && (
        <p class="quiet">
          <Icon name="loader" class="turning" />
          Waiting for the machine. It appears here as soon as its agent has registered.
        </p>
      )}
      {arrived.map((node) => (
        <p key={node.nodeId}>
          <Icon name="circleCheck" />
          <span>
            <a href={`/nodes/${node.nodeId}`}>{node.name}</a> has arrived.
          </span>
        </p>
      ))}
    </div>
  );
}
