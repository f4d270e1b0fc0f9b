import { useRoute } from "preact-iso";
import { PageHead } from "../../ui/blocks.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { ApiKeys } from "./api-keys.tsx";
import { Audit } from "./audit.tsx";
import { Members } from "./members.tsx";
import { Secrets } from "./secrets.tsx";
import { Sessions } from "./sessions.tsx";
import { Trash } from "./trash.tsx";

const PARTS = [
  { part: "api-keys", text: "API keys", Show: ApiKeys },
  { part: "members", text: "Members", Show: Members },
  { part: "secrets", text: "Secrets", Show: Secrets },
  { part: "sessions", text: "Sessions", Show: Sessions },
  { part: "trash", text: "Trash", Show: Trash },
  { part: "audit", text: "Audit log", Show: Audit },
] as const;

export default function SettingsPage() {
  const { part = "api-keys" } = useRoute().params;
  const current = PARTS.find((one) => one.part === part) ?? PARTS[0];
  const tabs = PARTS.map(({ part: name, text }) => ({
    href: `/settings/${name}`,
    text,
    isCurrent: name === current.part,
  }));
  return (
    <>
      <PageHead title="Settings" name={`${current.text} – Settings`} />
      <Tabs label="Settings" tabs={tabs} />
      <current.Show />
    </>
  );
}
