import { Icon, type IconName } from "./icon.tsx";

type Tone = "good" | "busy" | "warn" | "bad" | "still";
interface Look {
  tone: Tone;
  icon: IconName;
  text: string;
}

const LOOKS: Readonly<Record<string, Look>> = {
  QUEUED: { tone: "still", icon: "circleDashed", text: "Queued" },
  ASSIGNED: { tone: "busy", icon: "loader", text: "Starting" },
  RUNNING: { tone: "busy", icon: "loader", text: "Running" },
  SUCCESS: { tone: "good", icon: "circleCheck", text: "Succeeded" },
  SUCCEEDED: { tone: "good", icon: "circleCheck", text: "Succeeded" },
  FAILED: { tone: "bad", icon: "circleX", text: "Failed" },
  CANCELLED: { tone: "still", icon: "ban", text: "Cancelled" },
  TIMEOUT: { tone: "bad", icon: "clock", text: "Timed out" },
  CANCELLING: { tone: "warn", icon: "ban", text: "Cancelling" },
  LOST: { tone: "warn", icon: "wifiOff", text: "Lost" },
  ACTIVE: { tone: "good", icon: "circleCheck", text: "Active" },
  DRAINING: { tone: "warn", icon: "circlePause", text: "Draining" },
  SUSPENDED: { tone: "still", icon: "moon", text: "Asleep" },
  OFFLINE: { tone: "bad", icon: "wifiOff", text: "Offline" },
  PAUSED: { tone: "still", icon: "circlePause", text: "Paused" },
  SKIPPED: { tone: "still", icon: "skip", text: "Skipped" },
};

/** The state of a job, attempt, node, step or schedule: a word with a sign, never a colour alone. */
export function Status({ of, text }: { of: string; text?: string }) {
  const look = LOOKS[of] ?? { tone: "still", icon: "info", text: statusText(of) };
  return (
    <span class={`status ${look.tone}`}>
      <Icon name={look.icon} class={look.icon === "loader" ? "turning" : ""} />
      {text ?? look.text}
    </span>
  );
}

/** The same as a sign alone, for lists where a word in every line would be noise; its word is read aloud. */
export function StatusSign({ of }: { of: string }) {
  const look = LOOKS[of] ?? { tone: "still", icon: "info", text: sentenceCase(of) };
  return (
    <span class={`status-sign ${look.tone}`} title={look.text}>
      <Icon name={look.icon} class={look.icon === "loader" ? "turning" : ""} />
      <span class="spoken">{look.text}</span>
    </span>
  );
}

/** The word for a state. */
export function statusText(of: string): string {
  return LOOKS[of]?.text ?? sentenceCase(of);
}

function sentenceCase(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase().replaceAll("_", " ");
}
