import { PageHead } from "../../ui/blocks.tsx";

export default function SettingsPage() {
  return <PageHead title="Settings" />;
}
